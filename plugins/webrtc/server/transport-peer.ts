import { WcsError, type Held, type PluginSession } from 'wcs-core';
import type { Fingerprint } from 'wcs-core/rtp/dtls/certificate';
import { DtlsHandshake, type DtlsIdentity, type DtlsResult } from 'wcs-core/rtp/dtls/handshake';
import type { RtpSender } from 'wcs-core/rtp/fanout/engine';
import type { ConsentFacts } from '../session/consent.ts';
import { newIceCredentials, type CheckedPeer } from '../session/ice-lite.ts';
import type { IceAgreement, PeerState } from '../session/peer-state.ts';
import { SeenChecks } from '../session/seen-checks.ts';
import type { Candidate, LocalTransport, PeerTransport, RemoteAddress, RemoteTransport, TransportEnd, TransportEvents, TransportFailure } from './peer-transport.ts';
import { integrityKey } from '../wire/stun.ts';
import { SecureFlow, type RtpEnds } from './secure-flow.ts';
import type { Drops } from './transport-drops.ts';
import type { FlowPeer, TransportFlow } from './transport-flow.ts';

/** Addresses that valid checks of one peer have come from, and that it may still use. */
export const PEER_FLOWS_MAX = 8;

/**
 * A client that nominates once does not do so again when its network gives it another address, but its checks come from
 * there; after this long without one from the old address, we follow. @see RFC 8445 section 12.1
 */
const SELECTED_SILENT_MS = 5_000;

/** What a peer needs of the hub. */
export interface PeerHost {
  readonly identity: DtlsIdentity;
  readonly drops: Drops;
  now(): number;
  readonly rtp: RtpEnds;
  candidates(wish: 'udp' | 'tcp' | undefined): readonly Candidate[];
  /** Makes the peer known by a ufrag of ours, or not. */
  setUfrag(ufrag: string, checked: CheckedPeer<TransportPeer> | undefined): void;
  /** False when there are enough handshakes under way: the client repeats its ClientHello. */
  admitHandshake(peer: TransportPeer): boolean;
  /** The peer has its keys. */
  handshakeDone(peer: TransportPeer): void;
  /** The peer is over. */
  forget(peer: TransportPeer): void;
}

/** What a peer begins with. */
export interface PeerBeginning {
  readonly session: PluginSession;
  readonly events: TransportEvents;
  /** Undefined while our offer has no answer. */
  readonly fingerprints: readonly Fingerprint[] | undefined;
  readonly ice: IceAgreement;
  readonly previousIce?: IceAgreement | undefined;
  readonly wish: 'udp' | 'tcp' | undefined;
  /** False when the peer cannot move to another generation. */
  readonly movable: boolean;
}

/** One peer: its ICE credentials and flows, its handshake, its keys. Times out by the hub's sweep, and has no timer of its own. */
export class TransportPeer implements PeerTransport, FlowPeer {
  readonly session: PluginSession;
  readonly #host: PeerHost;
  readonly #events: TransportEvents;
  #fingerprints: readonly Fingerprint[] | undefined;
  readonly #wish: 'udp' | 'tcp' | undefined;
  readonly #movable: boolean;
  readonly #held: Held;
  readonly #flows = new Set<TransportFlow>();
  readonly #counters = { packetsIn: 0, bytesIn: 0, dropped: 0 };
  #seenChecks = new SeenChecks();
  #ice: IceAgreement;
  #previousIce: IceAgreement | undefined;
  /** Where we send to. */
  #selected: TransportFlow | undefined;
  #selectedCheckMs = 0;
  #nominated = false;
  #handshake: DtlsHandshake | undefined;
  #secure: SecureFlow | undefined;
  #createdMs: number;
  #firstCheckMs: number | undefined;
  #lastHeardMs: number | undefined;
  #ended = false;

  constructor(host: PeerHost, { session, events, fingerprints, ice, previousIce, wish, movable }: PeerBeginning) {
    this.#host = host;
    this.session = session;
    this.#events = events;
    this.#fingerprints = fingerprints;
    this.#ice = ice;
    this.#previousIce = previousIce;
    this.#wish = wish;
    this.#movable = movable;
    this.#createdMs = host.now();
    this.#held = session.scope.add('webrtc transport', () => this.#release());
    if (fingerprints !== undefined) for (const agreement of [ice, previousIce]) this.#setUfrag(agreement, true);
  }

  get local(): LocalTransport {
    return { ...this.#ice.credentials, fingerprint: this.#host.identity.fingerprint, candidates: this.#host.candidates(this.#wish) };
  }

  get state(): PeerTransport['state'] {
    if (this.#ended) return 'ended';
    if (this.#secure !== undefined) return 'connected';
    return this.#firstCheckMs === undefined ? 'waiting' : 'handshaking';
  }

  get remote(): RemoteAddress | undefined {
    return this.#selected?.remote;
  }

  get sender(): RtpSender | undefined {
    return this.#secure?.sender;
  }

  get counters(): { readonly packetsIn: number; readonly bytesIn: number; readonly dropped: number } {
    return this.#counters;
  }

  /** For the hub's sweep. */
  get consent(): ConsentFacts {
    // Who has not answered is not expected yet.
    const createdMs = this.#fingerprints === undefined ? this.#host.now() : this.#createdMs;
    return { createdMs, firstCheckMs: this.#firstCheckMs, lastHeardMs: this.#lastHeardMs, connected: this.#secure !== undefined };
  }

  agree({ fingerprints, ufrag: remoteUfrag }: RemoteTransport): void {
    if (this.#ended) throw new WcsError('SCOPE_E_CLOSED', 'The transport has ended.');
    this.#fingerprints = fingerprints;
    this.#ice = { ...this.#ice, remoteUfrag };
    this.#createdMs = this.#host.now();
    this.#setUfrag(this.#ice, true);
  }

  restartIce({ ufrag: remoteUfrag }: Pick<RemoteTransport, 'ufrag'>): LocalTransport {
    if (this.#ended) throw new WcsError('SCOPE_E_CLOSED', 'The transport has ended.');
    // Those that are in use stay valid; those of a restart that nobody took up do not.
    if (this.#previousIce === undefined) this.#previousIce = this.#ice;
    else this.#setUfrag(this.#ice, false);
    this.#ice = { credentials: newIceCredentials(), remoteUfrag };
    this.#setUfrag(this.#ice, true);
    return this.local;
  }

  /** True when a valid check was seen before and comes from somewhere new; its sender may repeat it. */
  isReplay(flow: TransportFlow, transactionId: Buffer): boolean {
    return flow.peer !== this && this.#seenChecks.has(transactionId);
  }

  /** A valid check came by a flow that has been claimed. */
  onCheck(flow: TransportFlow, credentials: IceAgreement['credentials'], { transactionId, nominated }: { readonly transactionId: Buffer; readonly nominated: boolean }): void {
    const nowMs = this.#host.now();
    this.#seenChecks.add(transactionId);
    this.#firstCheckMs ??= nowMs;
    this.#lastHeardMs = nowMs;
    if (credentials === this.#ice.credentials && this.#previousIce !== undefined) {
      this.#setUfrag(this.#previousIce, false);
      this.#previousIce = undefined;
    }
    this.#addFlow(flow);
    if (nominated) this.#nominated = true;
    if (nominated || this.#selected === undefined || nowMs - this.#selectedCheckMs >= SELECTED_SILENT_MS) this.#select(flow);
    if (this.#selected === flow) this.#selectedCheckMs = nowMs;
  }

  onDtls(flow: TransportFlow, datagram: Buffer): void {
    if (this.#secure !== undefined) {
      const event = this.#secure.onDtls(datagram);
      if (event === 'closed') this.#end({ type: 'closed' });
      if (event === 'nothing') this.#host.drops.count('unexpectedDtls');
      return;
    }
    // Before the peer has nominated a pair, it shows by its ClientHello which one it has chosen.
    if (!this.#nominated) this.#select(flow);
    if (this.#handshake === undefined && !this.#host.admitHandshake(this)) {
      this.#host.drops.count('busyHandshaking');
      return;
    }
    const handshake = (this.#handshake ??= this.#startHandshake());
    const before = handshake.dropped;
    try {
      handshake.onDatagram(datagram);
    } finally {
      if (handshake.dropped > before) this.#host.drops.count('unexpectedDtls');
    }
  }

  onMedia(kind: 'rtp' | 'rtcp', packet: Buffer): void {
    this.#counters.packetsIn++;
    this.#counters.bytesIn += packet.length;
    const secure = this.#secure;
    const plain = kind === 'rtp' ? secure?.receiver.unprotectRtp(packet) : secure?.receiver.unprotectRtcp(packet);
    if (plain === undefined || typeof plain === 'string') {
      this.#counters.dropped++;
      this.#host.drops.count(plain === undefined ? 'beforeKeys' : 'refusedSrtp');
      return;
    }
    this.#lastHeardMs = this.#host.now();
    if (kind === 'rtp') this.#events.onRtp(plain, this.#lastHeardMs);
    else this.#events.onRtcp(plain, this.#lastHeardMs);
  }

  onFlowClosed(flow: TransportFlow): void {
    this.#flows.delete(flow);
    // The next valid check brings another; until then what we send is lost.
    if (this.#selected === flow) this.#selected = undefined;
  }

  exportState(): PeerState | undefined {
    if (this.#ended || this.#handshake !== undefined || !this.#movable || this.#fingerprints === undefined) return undefined;
    const nowMs = this.#host.now();
    const flows = [...this.#flows].sort((a, b) => Number(b === this.#selected) - Number(a === this.#selected));
    return {
      ice: this.#ice,
      previousIce: this.#previousIce,
      fingerprints: this.#fingerprints,
      wish: this.#wish,
      localFingerprint: this.#host.identity.fingerprint.value,
      ageMs: nowMs - this.#createdMs,
      checkedMs: since(this.#firstCheckMs, nowMs),
      silentMs: since(this.#lastHeardMs, nowMs),
      seenChecks: this.#seenChecks.state(),
      flows: flows.flatMap((flow) => flow.state() ?? []),
      secure: this.#secure?.state(),
      counters: { ...this.#counters },
    };
  }

  /** Goes on from a state; `flows` are those of the state that could be had again, in their order. */
  restore(state: PeerState, flows: readonly TransportFlow[]): void {
    const nowMs = this.#host.now();
    this.#createdMs = nowMs - state.ageMs;
    this.#firstCheckMs = state.checkedMs === undefined ? undefined : nowMs - state.checkedMs;
    this.#lastHeardMs = state.silentMs === undefined ? undefined : nowMs - state.silentMs;
    Object.assign(this.#counters, state.counters);
    this.#seenChecks = new SeenChecks(state.seenChecks);
    for (const flow of flows) this.#flows.add(flow);
    this.#selected = flows[0];
    this.#selectedCheckMs = nowMs;
    if (state.secure !== undefined) this.#secure = new SecureFlow(state.secure, this.#host.rtp, this.#selected);
  }

  close(): void {
    if (this.#ended) return;
    this.#secure?.sayGoodbye();
    this.#release();
  }

  /** Ends the transport for one of the documented reasons. */
  fail(info: TransportFailure, detail: string): void {
    this.#end({ type: 'failed', info, detail: this.#handshake === undefined ? detail : `${detail} ${this.#handshake.lastError}`.trim() });
  }

  #addFlow(flow: TransportFlow): void {
    if (this.#flows.has(flow)) return;
    this.#flows.add(flow);
    if (this.#flows.size <= PEER_FLOWS_MAX) return;
    const oldest = [...this.#flows].find((other) => other !== this.#selected && other !== flow);
    if (oldest === undefined) return;
    this.#flows.delete(oldest);
    oldest.close();
  }

  #select(flow: TransportFlow): void {
    if (this.#selected === flow) return;
    this.#selected = flow;
    if (this.#secure === undefined) return;
    this.#secure.moveTo(flow);
    this.#events.onMoved?.(flow.remote);
  }

  #startHandshake(): DtlsHandshake {
    return new DtlsHandshake(this.#host.identity, this.#fingerprints ?? [], {
      send: (datagram) => this.#selected?.send(datagram),
      onConnected: (result) => this.#onKeys(result),
      onFailed: (info, detail) => this.fail(info, detail),
    });
  }

  #onKeys({ remnant, localKeys, remoteKeys }: DtlsResult): void {
    if (this.#ended) return;
    this.#handshake = undefined;
    this.#host.handshakeDone(this);
    const beginning = { dtls: remnant, localKeys, remoteKeys, srtcpIndex: 0, receiver: { rtp: [], rtcp: [] } };
    this.#secure = new SecureFlow(beginning, this.#host.rtp, this.#selected);
    this.#events.onConnected();
  }

  #setUfrag(agreement: IceAgreement | undefined, known: boolean): void {
    if (agreement === undefined) return;
    this.#host.setUfrag(agreement.credentials.ufrag, known ? { peer: this, credentials: agreement.credentials, remoteUfrag: agreement.remoteUfrag, key: integrityKey(agreement.credentials.pwd) } : undefined);
  }

  #end(end: TransportEnd): void {
    if (this.#ended) return;
    this.#release();
    this.#events.onEnded(end);
  }

  #release(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#held.detach();
    for (const agreement of [this.#ice, this.#previousIce]) this.#setUfrag(agreement, false);
    this.#handshake?.abort();
    this.#handshake = undefined;
    this.#secure?.close();
    for (const flow of this.#flows) flow.close();
    this.#flows.clear();
    this.#host.forget(this);
  }
}

function since(timeMs: number | undefined, nowMs: number): number | undefined {
  return timeMs === undefined ? undefined : nowMs - timeMs;
}
