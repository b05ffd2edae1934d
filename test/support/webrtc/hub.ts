import type { ExecutionContext } from 'ava';
import type { Connection, ConnectionHandler } from '../../../core/net/connection.ts';
import type { Listeners } from '../../../core/net/listeners.ts';
import type { OnDatagram } from '../../../core/net/udp-listener.ts';
import { PortRanges } from '../../../core/net/port-ranges.ts';
import type { PluginContext } from '../../../core/plugin/context.ts';
import type { PluginSession } from '../../../core/plugin/session.ts';
import type { Destination, RtpSender, SenderOptions } from '../../../core/rtp/fanout/engine.ts';
import { createSrtpCipher } from '../../../core/rtp/srtp/create-cipher.ts';
import { deriveSession } from '../../../core/rtp/srtp/key-derivation.ts';
import { SrtpReceiver } from '../../../core/rtp/srtp/receiver.ts';
import { Scope } from '../../../core/scope/scope.ts';
import type { PeerOptions, PeerTransport, RemoteAddress, TransportEnd, TransportEvents } from '../../../plugins/webrtc/server/peer-transport.ts';
import { WebrtcTransportHub } from '../../../plugins/webrtc/server/transport-hub.ts';
import { transportSchema } from '../../../plugins/webrtc/server/transport-settings.ts';
import { FakeTime } from '../fake-time.ts';
import { noFault, openListeners } from '../net.ts';
import { IcePeer } from './ice-peer.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** A hub on real sockets of loopback, with a clock that the test moves. */
export interface TestHub {
  readonly hub: WebrtcTransportHub;
  readonly time: FakeTime;
  readonly scope: Scope;
  readonly folder: string;
  readonly listeners: Listeners;
  readonly drops: Map<string, number>;
  readonly warnings: string[];
  /** Intervals asked of the context. */
  readonly timers: number[];
  readonly port: number;
  /** What the UDP listener calls. */
  readonly onDatagram: (...parameters: Parameters<OnDatagram>) => void;
  /** Commits every lease: this hub has the listeners now. */
  serve(): void;
  /** Moves the clock and sweeps. */
  pass(ms: number): void;
  session(): PluginSession & { readonly held: Connection[] };
}

/** What is shared with a hub made before, for hand-overs. */
export interface HubWish {
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly before?: TestHub;
}

/** Makes a hub, listening. */
export async function openHub(t: ExecutionContext, { settings = {}, before }: HubWish = {}): Promise<TestHub> {
  const listeners = before?.listeners ?? (await openListeners(t));
  const folder = before?.folder ?? temporaryFolder(t);
  const time = before?.time ?? new FakeTime();
  const scope = new Scope('hub');
  const drops = new Map<string, number>();
  const warnings: string[] = [];
  const timers: number[] = [];
  const sweeps: (() => void)[] = [];
  const leases: { commit(): void }[] = [];
  let onUdp: OnDatagram = () => undefined;
  const ranges = new PortRanges();
  const owner = { name: 'webrtc', host: '127.0.0.1' };
  const leased = async <T extends { commit(): void; release(): void; endAccepted(): void }>(pending: Promise<T>): Promise<T> => {
    const lease = await pending;
    scope.add('lease', () => {
      lease.release();
      lease.endAccepted();
    });
    if (timers.length > 0 || before === undefined) lease.commit();
    leases.push(lease);
    return lease;
  };
  const ctx = {
    log: { warn: (line: string) => void warnings.push(line), info: () => undefined, debug: () => undefined, error: () => undefined },
    scope,
    timers: {
      every: (ms: number, work: () => void) => {
        timers.push(ms);
        sweeps.push(work);
        return () => undefined;
      },
      after: (ms: number, work: () => void) => {
        const timer = setTimeout(work, ms / 10);
        return () => clearTimeout(timer);
      },
    },
    listen: {
      udp: (wish: { port: number; host?: string }, onDatagram: OnDatagram) => {
        if (wish.port !== 0 || leases.length === 0) onUdp = onDatagram;
        return leased(listeners.udp({ ...owner, ...wish }, onDatagram, noFault(t)));
      },
      tcp: (wish: { port: number; host?: string }, onConnection: Parameters<Listeners['tcp']>[1]) => leased(listeners.tcp({ ...owner, ...wish }, onConnection, noFault(t))),
    },
    ports: { single: (range: 'media') => ranges.single(range) },
    metrics: { counter: () => ({ inc: (by = 1, labels: { cause: string }) => void drops.set(labels.cause, (drops.get(labels.cause) ?? 0) + by) }) },
    stateFolder: () => folder,
    background: (work: Promise<unknown>) =>
      void work.catch((error: unknown) => {
        if (!scope.closed) t.fail(String(error));
      }),
  } as unknown as PluginContext;
  const hub = new WebrtcTransportHub(ctx, { settings: transportSchema.parse({ port: before?.port ?? 0, ...settings }), rtp: { openSender: testSender, openReceiver: (keys, options) => new SrtpReceiver(keys, options) }, now: time.nowMs });
  await hub.listen();
  t.teardown(() => scope.close());
  return {
    hub, time, scope, folder, listeners, drops, warnings, timers,
    onDatagram: (...parameters) => onUdp(...parameters),
    port: hub.candidates(undefined)[0]?.port ?? 0,
    serve: () => {
      for (const lease of leases) lease.commit();
    },
    pass: (ms) => {
      time.advance(ms);
      for (const sweep of sweeps) sweep();
    },
    session: () => testSession(scope),
  };
}

/** A session with a scope and the connections that were attached to it. */
export function testSession(parent: Scope, held: Connection[] = []): PluginSession & { readonly held: Connection[] } {
  const scope = new Scope('session', parent);
  const owner = { run: <T>(fn: () => T): T => fn(), onFault: () => undefined };
  return {
    scope,
    held,
    get closed() {
      return scope.closed;
    },
    get connections() {
      return held;
    },
    attach: (connection: Connection, handler: ConnectionHandler) => {
      if (!held.includes(connection)) held.push(connection);
      connection.setHandler(handler, owner);
    },
  } as unknown as PluginSession & { readonly held: Connection[] };
}

/** What happened to one transport. */
export class RecordedEvents implements TransportEvents {
  readonly log: string[] = [];
  readonly rtp: Buffer[] = [];
  readonly rtcp: Buffer[] = [];
  readonly moves: RemoteAddress[] = [];
  end: TransportEnd | undefined;

  onConnected(): void {
    this.log.push('connected');
  }

  onRtp(packet: Uint8Array): void {
    this.rtp.push(Buffer.from(packet));
  }

  onRtcp(compound: Uint8Array): void {
    this.rtcp.push(Buffer.from(compound));
  }

  onMoved(remote: RemoteAddress): void {
    this.log.push('moved');
    this.moves.push(remote);
  }

  onEnded(end: TransportEnd): void {
    this.log.push(end.type === 'failed' ? end.info : 'closed');
    this.end = end;
  }
}

/** A transport that waits for a peer, and its events. */
export async function createPeer(hub: TestHub, peer: IcePeer, options: Partial<PeerOptions> = {}): Promise<{ transport: PeerTransport; events: RecordedEvents; session: PluginSession }> {
  const events = new RecordedEvents();
  const session = hub.session();
  const transport = await hub.hub.create({ session, events, remote: { fingerprints: [peer.certificate.fingerprint], ufrag: IcePeer.remoteUfrag }, ...options });
  return { transport, events, session };
}

/** The simplest sender: protects and sends each packet. */
export function testSender({ destination, keys, srtcpIndex = 0 }: SenderOptions): RtpSender {
  const cipher = keys === undefined ? undefined : createSrtpCipher(keys.profile, deriveSession(keys));
  const counters = { packets: 0, bytes: 0, dropped: 0 };
  let [target, index]: [Destination, number] = [destination, srtcpIndex];
  const deliver = (packet: Uint8Array): void => {
    counters.packets++;
    if (target.type === 'udp') target.socket.send(packet, target.port, target.address);
    else target.write(packet);
  };
  return {
    counters,
    get srtcpIndex() {
      return index;
    },
    setDestination: (next) => void (target = next),
    sendRtp: (packet, sequence) => {
      const out = Buffer.alloc(packet.length + 32);
      deliver(out.subarray(0, cipher?.protectRtp(packet, 12, sequence, out) ?? 0));
    },
    sendRtcp: (packet) => {
      const out = Buffer.alloc(packet.length + 64);
      deliver(out.subarray(0, cipher?.protectRtcp(packet, ++index, out) ?? 0));
    },
    close: () => undefined,
  };
}
