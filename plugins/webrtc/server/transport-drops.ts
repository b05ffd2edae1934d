import type { CheckRefusal } from '../session/ice-lite.ts';

/** Why something that came from the network went no further. */
export type DropCause =
  | CheckRefusal
  /** No protocol of ours. */
  | 'unknownKind'
  /** DTLS or media from an address that no connectivity check vouches for. */
  | 'unknownSource'
  | 'malformedStun'
  /** A check that came before, from another address. */
  | 'replayedCheck'
  /** Another live peer is at that address. */
  | 'addressTaken'
  | 'malformedDtls'
  /** DTLS that the state of the peer doesn't call for: alerts in the clear, handshakes after the end of one. */
  | 'unexpectedDtls'
  /** A ClientHello in a crowd: too many handshakes are under way. */
  | 'busyHandshaking'
  /** Media before there are keys. */
  | 'beforeKeys'
  /** Altered, replayed or too old SRTP or SRTCP. */
  | 'refusedSrtp'
  /** A TCP connection that framed nothing sensible, or sent something else than a check first. */
  | 'brokenTcp'
  /** A TCP connection without a valid check in time. */
  | 'silentTcp'
  /** Too many TCP connections from one address. */
  | 'tooManyTcp'
  /** A TCP peer that does not read fast enough: packets to it, not from it. */
  | 'slowTcp';

/** Counts what is dropped, by cause. */
export interface Drops {
  count(cause: DropCause): void;
}
