import type { DtlsRemnant } from 'wcs-core/rtp/dtls/remnant';
import type { SrtpKeys } from 'wcs-core/rtp/srtp/keys';
import type { SrtpReceiverState } from 'wcs-core/rtp/srtp/receiver';

/** Short-term credentials of our side. @see RFC 8445 section 5.3 */
export interface IceCredentials {
  readonly ufrag: string;
  readonly pwd: string;
}

/** Our credentials, with the ufrag of the description that they answer, when it named one. */
export interface IceAgreement {
  readonly credentials: IceCredentials;
  readonly remoteUfrag: string | undefined;
}

/** Where a peer's flow is: a UDP 5-tuple, or a TCP connection of the session with the bytes of an unfinished frame. */
export type FlowState =
  | { readonly type: 'udp'; readonly address: string; readonly port: number }
  | { readonly type: 'tcp'; readonly connectionIndex: number; readonly unread: Uint8Array };

/** The keys of a connected peer and how far they have been used. */
export interface SecureState {
  readonly dtls: DtlsRemnant;
  readonly localKeys: SrtpKeys;
  readonly remoteKeys: SrtpKeys;
  /** Index of the last SRTCP packet sent. */
  readonly srtcpIndex: number;
  /** Roll-over counters and replay windows of the receiving side. */
  readonly receiver: SrtpReceiverState;
}

/** A peer transport as plain data. */
export interface PeerState {
  readonly ice: IceAgreement;
  /** That before a restart, while no check has used the new one. */
  readonly previousIce?: IceAgreement | undefined;
  readonly fingerprints: readonly { readonly algorithm: string; readonly value: string }[];
  readonly wish?: 'udp' | 'tcp' | undefined;
  /** SHA-256 of our certificate, as in the answer. */
  readonly localFingerprint: string;
  /** Milliseconds, at the time of the export, since the peer was made and since its first and its last valid check. */
  readonly ageMs: number;
  readonly checkedMs?: number | undefined;
  readonly silentMs?: number | undefined;
  /** Transaction ids of the last checks. */
  readonly seenChecks: { readonly ids: Uint32Array; readonly next: number };
  /** The one that we send to is first. */
  readonly flows: readonly FlowState[];
  /** Present once connected. */
  readonly secure?: SecureState | undefined;
  readonly counters: { readonly packetsIn: number; readonly bytesIn: number; readonly dropped: number };
}
