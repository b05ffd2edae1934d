import { rtpHeaderLength, rtpPayloadEnd, setRtpPayloadType, setRtpSequenceNumber, setRtpSsrc } from 'wcs-core/rtp/packet';

/** Bytes before the original payload: its sequence number. */
const ORIGINAL_SEQUENCE_BYTES = 2;
const PADDING_BIT = 0x20;

/**
 * The original of a retransmitted packet; undefined for one that only probes the path.
 *
 * @throws ProtocolError for a packet whose lengths make no sense
 * @see RFC 4588 section 4
 */
export function originalOf(rtx: Uint8Array, ssrc: number, payloadType: number): Uint8Array | undefined {
  const headerBytes = rtpHeaderLength(rtx);
  const end = rtpPayloadEnd(rtx, headerBytes);
  if (end - headerBytes <= ORIGINAL_SEQUENCE_BYTES) return undefined;
  const original = new Uint8Array(end - ORIGINAL_SEQUENCE_BYTES);
  original.set(rtx.subarray(0, headerBytes));
  original.set(rtx.subarray(headerBytes + ORIGINAL_SEQUENCE_BYTES, end), headerBytes);
  original[0] = (original[0] ?? 0) & ~PADDING_BIT;
  setRtpSsrc(original, ssrc);
  setRtpPayloadType(original, payloadType);
  setRtpSequenceNumber(original, ((rtx[headerBytes] ?? 0) << 8) | (rtx[headerBytes + 1] ?? 0));
  return original;
}
