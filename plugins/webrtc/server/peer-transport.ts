import type { PluginSession } from 'wcs-core';
import type { Fingerprint } from 'wcs-core/rtp/dtls/certificate';
import type { RtpSender } from 'wcs-core/rtp/fanout/engine';
import type { PeerState } from '../session/peer-state.ts';

/** A host candidate of ours, ready for `a=candidate`. @see RFC 8839 section 5.1 */
export interface Candidate {
  readonly foundation: string;
  readonly component: 1;
  /** TCP candidates are passive. @see RFC 6544 section 4.5 */
  readonly transport: 'udp' | 'tcp';
  readonly priority: number;
  readonly address: string;
  readonly port: number;
}

/** What our description says about the transport; the setup is always `passive` and the agent `a=ice-lite`. */
export interface LocalTransport {
  readonly ufrag: string;
  readonly pwd: string;
  readonly fingerprint: Fingerprint;
  readonly candidates: readonly Candidate[];
}

/** What the peer's description says about the transport. */
export interface RemoteTransport {
  /** Every fingerprint of the description; the certificate must match one whose hash we know. */
  readonly fingerprints: readonly Fingerprint[];
  /** When given, connectivity checks of anybody else are refused. */
  readonly ufrag?: string;
}

/** Where a peer is reached. */
export interface RemoteAddress {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}

/** The documented texts of a transport that broke. */
export type TransportFailure =
  | 'Failed by ICE timeout'
  | 'Failed by ICE keep alive'
  | 'Failed by DTLS fingerprint error'
  | 'Failed by DTLS error';

/** Why a transport is over: it broke, or the peer closed it by a DTLS alert. */
export type TransportEnd =
  /** `detail` is for the log only. */
  | { readonly type: 'failed'; readonly info: TransportFailure; readonly detail: string }
  | { readonly type: 'closed' };

/** Told what happens to one transport. Called synchronously; what it throws is a fault of the plugin. */
export interface TransportEvents {
  /** Keys are there: `sender` is set, media may flow. */
  onConnected(): void;
  /** One RTP packet, authenticated, decrypted and never seen before; the buffer is the callee's to keep. */
  onRtp(packet: Uint8Array, receivedAtMs: number): void;
  /** One compound RTCP packet, authenticated, decrypted and never seen before; the buffer is the callee's to keep. */
  onRtcp(compound: Uint8Array, receivedAtMs: number): void;
  /** The peer is somewhere else (another network); `sender` already sends there. */
  onMoved?(remote: RemoteAddress): void;
  /** Last of all, unless `close()` was called first. */
  onEnded(end: TransportEnd): void;
}

/** What a new transport is made for. */
export interface PeerOptions {
  /** Owns the transport and its TCP connections: the transport closes with it. */
  readonly session: PluginSession;
  /** Undefined while our offer has no answer: nobody is let in until `agree`. */
  readonly remote: RemoteTransport | undefined;
  readonly events: TransportEvents;
  /** Candidates of this kind only; default both. */
  readonly wish?: 'udp' | 'tcp' | undefined;
}

/** What continues a transport in another generation. */
export interface PeerImport {
  /** The successor session, holding the same connections in the same order. */
  readonly session: PluginSession;
  readonly events: TransportEvents;
}

/**
 * The network side of one peer: ICE-lite, DTLS as server, SRTP both ways. Everything is bundled over one flow.
 * `waiting` for a connectivity check, `handshaking` by DTLS, `connected`, `ended`.
 */
export interface PeerTransport {
  readonly local: LocalTransport;
  readonly state: 'waiting' | 'handshaking' | 'connected' | 'ended';
  /** Where the last accepted connectivity check came from. */
  readonly remote: RemoteAddress | undefined;
  /** Sends RTP and RTCP, protected, to wherever the peer is; set from `onConnected` until the end. */
  readonly sender: RtpSender | undefined;
  readonly counters: TransportCounters;
  /**
   * New credentials for the peer's new ones (its description has another ufrag). The old ones stay valid until a check
   * uses the new; keys and flow stay as they are. Returns what the answer says. @see RFC 8445 section 9
   */
  restartIce(remote: Pick<RemoteTransport, 'ufrag'>): LocalTransport;
  /** Lets the peer in that has answered our offer. */
  agree(remote: RemoteTransport): void;
  /** Plain data from which `TransportHub.importPeer` goes on; undefined while the DTLS handshake is under way, on a port of its own, and at the end. */
  exportState(): PeerState | undefined;
  /** Says goodbye by a DTLS alert and releases everything; no event follows. */
  close(): void;
}

/** Of one peer, packets and bytes as they came from the network. */
export interface TransportCounters {
  readonly packetsIn: number;
  readonly bytesIn: number;
  /** Packets that were no valid SRTP of this peer: altered, replayed, too old, malformed. */
  readonly dropped: number;
}

/** All transports of the plugin over its shared listeners. */
export interface TransportHub {
  readonly size: number;
  /** Opens the listeners; called once, in `prepare()`. Errors: NET_E_LISTEN. */
  listen(): Promise<void>;
  /** Starts to look after the peers, and tests in the background whether the advertised addresses answer; called once, in `activate()`. */
  start(): void;
  /**
   * Makes a transport that waits for its peer.
   *
   * @throws WcsError NET_E_PORT_EXHAUSTED or NET_E_LISTEN when each peer has a port of its own and there is none
   */
  create(options: PeerOptions): Promise<PeerTransport>;
  /**
   * Continues a transport, without a gap and in the same tick.
   *
   * @throws WcsError when the state is of another kind of server (another certificate, another listener)
   */
  importPeer(state: PeerState, options: PeerImport): PeerTransport;
}
