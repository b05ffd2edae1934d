/** What a datagram of a multiplexed flow is. */
export type DatagramKind = 'stun' | 'dtls' | 'rtp' | 'rtcp' | 'unknown';

/** Shorter than the smallest packet of any of the protocols. */
const DATAGRAM_MIN_BYTES = 8;

/** Tells by the first bytes what a datagram is. @see RFC 7983 section 7 for the first byte, RFC 5761 section 4 for the second */
export function datagramKind(datagram: Uint8Array): DatagramKind {
  const first = datagram[0];
  const second = datagram[1];
  if (first === undefined || second === undefined || datagram.byteLength < DATAGRAM_MIN_BYTES) return 'unknown';
  if (first <= 3) return 'stun';
  if (first >= 20 && first <= 63) return 'dtls';
  if (first >= 128 && first <= 191) return second >= 192 && second <= 223 ? 'rtcp' : 'rtp';
  return 'unknown';
}
