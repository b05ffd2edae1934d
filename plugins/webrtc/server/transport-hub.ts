import { networkInterfaces } from 'node:os';
import { ProtocolError, WcsError, type Counter, type PluginContext, type TcpLease, type UdpLease } from 'wcs-core';
import { datagramKind } from 'wcs-core/rtp/datagram-kind';
import { openDtlsIdentity } from 'wcs-core/rtp/dtls/identity';
import type { DtlsIdentity } from 'wcs-core/rtp/dtls/handshake';
import { consentFailure, type ConsentLimits } from '../session/consent.ts';
import { judgeCheck, newIceCredentials, type CheckedPeer } from '../session/ice-lite.ts';
import type { PeerState } from '../session/peer-state.ts';
import { candidateAddresses, candidatesOf } from './candidates.ts';
import { OwnPorts } from './own-ports.ts';
import type { Candidate, PeerImport, PeerOptions, PeerTransport, TransportHub } from './peer-transport.ts';
import type { RtpEnds } from './secure-flow.ts';
import { TcpFlows } from './tcp-flows.ts';
import type { DropCause, Drops } from './transport-drops.ts';
import type { TransportFlow } from './transport-flow.ts';
import { TransportPeer, type PeerHost } from './transport-peer.ts';
import { checkReachable } from './transport-self-test.ts';
import type { TransportSettings } from './transport-settings.ts';
import { UdpFlows } from './udp-flows.ts';

/** How often silent peers and connections are looked for. */
const SWEEP_MS = 1_000;
/** From the switch to the self-test. */
const SELF_TEST_AFTER_MS = 100;
/** Error responses to whoever has no valid credentials: enough for a client gone wrong, too few to be of use to an attacker. */
const ERROR_RESPONSES_PER_SWEEP_MAX = 100;
/** Handshakes under way at once: a crowd that comes in is let in by turns, since it would else time out together. */
const HANDSHAKES_MAX = 32;
/** A handshake that takes longer no longer keeps others out. */
const HANDSHAKE_TURN_MS = 2_000;
/** Unclaimed TCP connections in all. */
const TCP_UNCLAIMED_MAX = 2_000;
/** The machine's addresses are looked up again after this long. */
const ADDRESSES_FRESH_MS = 10_000;
/** A burst of several peers' key frames fits. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** What the hub needs beside the plugin's context. */
export interface HubOptions {
  readonly settings: TransportSettings;
  readonly rtp: RtpEnds;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

/** All WebRTC transports of one generation: demultiplexes what the listeners receive, and looks after the peers by one timer. */
export class WebrtcTransportHub implements TransportHub, PeerHost {
  readonly drops: Drops;
  readonly #ctx: PluginContext;
  readonly #settings: TransportSettings;
  readonly #options: HubOptions;
  readonly #udp: UdpFlows;
  readonly #tcp: TcpFlows;
  readonly #ownPorts: OwnPorts;
  readonly #peers = new Set<TransportPeer>();
  readonly #ufrags = new Map<string, CheckedPeer<TransportPeer>>();
  readonly #ports = new Map<TransportPeer, UdpFlows>();
  /** When the handshakes began that aren't done. */
  readonly #handshaking = new Map<TransportPeer, number>();
  #identity: DtlsIdentity | undefined;
  #udpLease: UdpLease | undefined;
  #tcpLease: TcpLease | undefined;
  #addresses: { readonly list: readonly string[]; readonly untilMs: number } | undefined;
  #errorResponses = 0;

  constructor(ctx: PluginContext, options: HubOptions) {
    this.#ctx = ctx;
    this.#options = options;
    const { settings } = options;
    this.#settings = settings;
    this.drops = new CountedDrops(ctx.metrics.counter({ name: 'webrtc_dropped', group: 'webrtc_stats', help: 'What came from the network for WebRTC and went no further, by cause.', labelNames: ['cause'] }));
    this.#udp = new UdpFlows(this.#onPacket);
    const limits = { firstCheckMs: settings.tcpFirstCheckMs, perAddress: settings.tcpPerAddress, total: TCP_UNCLAIMED_MAX };
    this.#tcp = new TcpFlows(this.#onPacket, this.drops, limits, options.now);
    this.#ownPorts = new OwnPorts(ctx, settings.host, this.#onPacket);
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Our certificate. */
  get identity(): DtlsIdentity {
    if (this.#identity === undefined) throw new WcsError('INTERNAL_E_FAULT', 'The WebRTC transport is not listening yet.');
    return this.#identity;
  }

  async listen(): Promise<void> {
    const { port, host, tcp, udpPorts } = this.#settings;
    this.#identity = await openDtlsIdentity(this.#ctx.stateFolder(), this.#ctx.log);
    const where = { port, ...(host === undefined ? {} : { host }) };
    if (udpPorts === 'shared') {
      this.#udpLease = await this.#ctx.listen.udp({ ...where, recvBufferBytes: RECEIVE_BUFFER_BYTES, forRtp: true }, this.#udp.onDatagram);
      this.#udp.lease = this.#udpLease;
    }
    if (tcp) this.#tcpLease = await this.#listenTcp(where, this.#udpLease?.address.port ?? port);
  }

  /** On the same number as UDP; where any would do and that one is taken, on another. */
  #listenTcp(where: { readonly port: number; readonly host?: string }, port: number): Promise<TcpLease> {
    const { listen } = this.#ctx;
    return listen.tcp({ ...where, port }, this.#tcp.onConnection).catch((error: unknown) => {
      if (where.port !== 0) throw error;
      return listen.tcp(where, this.#tcp.onConnection);
    });
  }

  start(): void {
    this.#ctx.timers.every(SWEEP_MS, () => this.#sweep());
    // Within the switch nothing is done that can wait.
    this.#ctx.timers.after(SELF_TEST_AFTER_MS, () => this.#testAddresses());
  }

  #testAddresses(): void {
    const port = this.#udpLease?.address.port;
    if (port === undefined) return;
    const targets = this.#currentAddresses().map((address) => ({ address, port }));
    this.#ctx.background(checkReachable(this.#ctx, targets, this.#settings.host));
  }

  async create({ session, remote, events, wish }: PeerOptions): Promise<PeerTransport> {
    const own = this.#settings.udpPorts === 'perPeer' && wish !== 'tcp' ? await this.#ownPorts.take(session) : undefined;
    const ice = { credentials: newIceCredentials(), remoteUfrag: remote?.ufrag };
    const peer = new TransportPeer(this.#hostOf(own), { session, events, fingerprints: remote?.fingerprints, ice, wish, movable: own === undefined });
    this.#peers.add(peer);
    if (own !== undefined) this.#ports.set(peer, own);
    return peer;
  }

  importPeer(state: PeerState, { session, events }: PeerImport): PeerTransport {
    if (state.localFingerprint !== this.identity.fingerprint.value) throw new WcsError('INTERNAL_E_FAULT', 'The peer knows another certificate than ours.');
    if (state.flows.some(({ type }) => type === 'udp') && this.#udpLease === undefined) throw new WcsError('INTERNAL_E_FAULT', 'The peer is on a port that this version does not listen on.');
    const { fingerprints, ice, previousIce, wish } = state;
    const peer = new TransportPeer(this.#hostOf(undefined), { session, events, fingerprints, ice, previousIce, wish, movable: true });
    this.#peers.add(peer);
    const flows = state.flows.flatMap((flow): TransportFlow[] => {
      if (flow.type === 'udp') return definedOf(this.#udp.restore(flow.address, flow.port, peer));
      const connection = session.connections[flow.connectionIndex];
      return connection === undefined ? [] : [this.#tcp.restore(connection, flow.unread, peer)];
    });
    peer.restore(state, flows);
    return peer;
  }

  now(): number {
    return this.#options.now();
  }

  get rtp(): RtpEnds {
    return this.#options.rtp;
  }

  candidates(wish: 'udp' | 'tcp' | undefined): readonly Candidate[] {
    return this.#candidates(this.#udpLease?.address.port, wish);
  }

  setUfrag(ufrag: string, checked: CheckedPeer<TransportPeer> | undefined): void {
    if (checked === undefined) this.#ufrags.delete(ufrag);
    else this.#ufrags.set(ufrag, checked);
  }

  admitHandshake(peer: TransportPeer): boolean {
    const nowMs = this.now();
    let underWay = 0;
    for (const startedMs of this.#handshaking.values()) if (nowMs - startedMs < HANDSHAKE_TURN_MS) underWay++;
    if (underWay >= HANDSHAKES_MAX) return false;
    this.#handshaking.set(peer, nowMs);
    return true;
  }

  handshakeDone(peer: TransportPeer): void {
    this.#handshaking.delete(peer);
  }

  forget(peer: TransportPeer): void {
    this.#handshaking.delete(peer);
    this.#peers.delete(peer);
    const own = this.#ports.get(peer);
    this.#ports.delete(peer);
    if (own !== undefined) this.#ownPorts.giveBack(own);
  }

  /** The hub as a peer sees it: one with a port of its own has other candidates. */
  #hostOf(own: UdpFlows | undefined): PeerHost {
    if (own === undefined) return this;
    return {
      identity: this.identity,
      drops: this.drops,
      now: () => this.now(),
      rtp: this.rtp,
      candidates: (wish) => this.#candidates(own.port, wish),
      setUfrag: (ufrag, checked) => this.setUfrag(ufrag, checked),
      admitHandshake: (peer) => this.admitHandshake(peer),
      handshakeDone: (peer) => this.handshakeDone(peer),
      forget: (peer) => this.forget(peer),
    };
  }

  #candidates(udpPort: number | undefined, wish: 'udp' | 'tcp' | undefined): readonly Candidate[] {
    return candidatesOf(this.#currentAddresses(), { udp: udpPort, tcp: this.#tcpLease?.address.port }, wish);
  }

  #currentAddresses(): readonly string[] {
    const nowMs = this.now();
    if (this.#addresses === undefined || nowMs >= this.#addresses.untilMs) {
      const boundHost = this.#udpLease?.address.host ?? this.#tcpLease?.address.host ?? this.#settings.host ?? '0.0.0.0';
      const list = candidateAddresses({ advertise: this.#settings.advertise, boundHost, interfaces: networkInterfaces() });
      this.#addresses = { list, untilMs: nowMs + ADDRESSES_FRESH_MS };
    }
    return this.#addresses.list;
  }

  /** Nothing malformed goes further than this. */
  readonly #onPacket = (flow: TransportFlow, packet: Buffer): void => {
    const kind = datagramKind(packet);
    const { peer } = flow;
    if (kind === 'stun') this.#contain('malformedStun', () => this.#onStun(flow, packet));
    else if (kind === 'unknown') this.drops.count('unknownKind');
    else if (peer === undefined) this.drops.count('unknownSource');
    else if (kind === 'dtls') this.#contain('malformedDtls', () => peer.onDtls(flow, packet));
    else peer.onMedia(kind, packet);
  };

  #onStun(flow: TransportFlow, datagram: Buffer): void {
    const outcome = judgeCheck(datagram, flow.remote, (ufrag) => this.#ufrags.get(ufrag));
    if (outcome.type === 'refused') {
      this.drops.count(outcome.cause);
      if (outcome.response !== undefined && ++this.#errorResponses <= ERROR_RESPONSES_PER_SWEEP_MAX) flow.send(outcome.response);
      return;
    }
    const { peer, credentials } = outcome.checked;
    if (peer.isReplay(flow, outcome.transactionId)) return this.drops.count('replayedCheck');
    // A live peer keeps its address: somebody else's check from there may be forged.
    if (!flow.claim(peer)) return this.drops.count('addressTaken');
    flow.send(outcome.response);
    peer.onCheck(flow, credentials, outcome);
  }

  #contain(cause: 'malformedStun' | 'malformedDtls', work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.drops.count(cause);
    }
  }

  #sweep(): void {
    const { iceTimeoutMs, iceKeepAliveMs, dtlsTimeoutMs } = this.#settings;
    const limits: ConsentLimits = { firstCheckMs: iceTimeoutMs, silentMs: iceKeepAliveMs, handshakeMs: dtlsTimeoutMs };
    const nowMs = this.now();
    this.#errorResponses = 0;
    this.#tcp.sweep();
    for (const peer of this.#peers) {
      const info = consentFailure(peer.consent, limits, nowMs);
      if (info !== undefined) peer.fail(info, 'The time for it is over.');
    }
  }
}

/** Counts by cause under prepared labels. */
class CountedDrops implements Drops {
  readonly #counter: Counter;
  readonly #labels = new Map<DropCause, { readonly cause: DropCause }>();

  constructor(counter: Counter) {
    this.#counter = counter;
  }

  count(cause: DropCause): void {
    let labels = this.#labels.get(cause);
    if (labels === undefined) this.#labels.set(cause, (labels = { cause }));
    this.#counter.inc(1, labels);
  }
}

function definedOf<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
