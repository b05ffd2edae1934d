import type { ChildProcess, SpawnOptions } from 'node:child_process';
import type { Access } from '../access/access.ts';
import type { Targets } from '../access/targets.ts';
import type { Log } from '../log/log.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Certificates } from '../net/certificates.ts';
import type { Connection } from '../net/connection.ts';
import type { DialOptions } from '../net/dialler.ts';
import type { HttpHandler, HttpLease, HttpListenOptions } from '../net/http-listener.ts';
import type { Lease, ListenOptions } from '../net/lease.ts';
import type { PortRanges, RangeName } from '../net/port-ranges.ts';
import type { RtpPortPair } from '../net/rtp-port-pair.ts';
import type { OnConnection, TcpLease, TcpListenOptions } from '../net/tcp-listener.ts';
import type { OnDatagram, UdpLease, UdpListenOptions } from '../net/udp-listener.ts';
import type { OnWebSocket, WebSocketListenOptions } from '../net/websocket-acceptor.ts';
import type { Operation } from '../operations/operation.ts';
import type { Operations } from '../operations/operations.ts';
import type { WebRoute } from '../web/web-routes.ts';
import type { EngineTier, ReceiverOptions, RtpSender, SenderOptions } from '../rtp/fanout/engine.ts';
import type { SrtpKeys } from '../rtp/srtp/keys.ts';
import type { SrtpReceiver } from '../rtp/srtp/receiver.ts';
import type { Scope } from '../scope/scope.ts';
import type { OpenSession } from '../sessions/sessions.ts';
import type { ScopedMedia } from './scoped-media.ts';
import type { ScopedTimers } from './scoped-timers.ts';
import type { ModuleOptions } from './spawn.ts';
import type { PluginSession } from './session.ts';

/** What a plugin offers or wants on a listener; `host` defaults to the server's `network.host`. */
type ListenWish<T extends ListenOptions> = Omit<T, 'host' | 'name' | 'generation' | 'run' | 'onReleased'> & { readonly host?: string };

/** How a plugin opens a session. */
export type SessionWish = Omit<OpenSession, 'plugin' | 'kill'>;

/**
 * The only source of effects for a plugin. Whatever is acquired here is released when the plugin's generation retires;
 * what is registered here becomes visible at the switch, together with everything else.
 */
export interface PluginContext<Settings = unknown> {
  readonly plugin: { readonly name: string; readonly version: string; readonly generation: string };
  readonly settings: Settings;
  readonly log: Log;
  readonly scope: Scope;
  readonly timers: ScopedTimers;
  readonly media: ScopedMedia;
  /** Listeners are held by the kernel: a swap re-points them without closing a connection. Errors: NET_E_LISTEN. */
  readonly listen: {
    tcp(options: ListenWish<TcpListenOptions>, onConnection: OnConnection): Promise<TcpLease>;
    tls(options: ListenWish<TcpListenOptions>, onConnection: OnConnection): Promise<TcpLease>;
    udp(options: ListenWish<UdpListenOptions>, onDatagram: OnDatagram): Promise<UdpLease>;
    http(options: ListenWish<HttpListenOptions>, handler: HttpHandler): Promise<HttpLease>;
    websocket(options: ListenWish<WebSocketListenOptions>, onWebSocket: OnWebSocket): Promise<Lease>;
  };
  /**
   * Opens a TCP or TLS connection to a target that `targets` has judged. A session attaches it like an accepted one, and
   * takes it along through a swap; what no session has ends with the plugin.
   *
   * @throws WcsError NET_E_CONNECT saying why, NET_E_PORT_EXHAUSTED, SCOPE_E_CLOSED, or the reason of the signal
   */
  connect(options: DialOptions): Promise<Connection>;
  /** Judges addresses that peers and operators gave, before anything connects to them. */
  readonly targets: Pick<Targets, 'check' | 'allows'>;
  /** Local ports of the server's ranges; `scope` defaults to the plugin's. Errors: NET_E_PORT_EXHAUSTED. */
  readonly ports: {
    single(range: RangeName, scope?: Scope): ReturnType<PortRanges['single']>;
    pair(range: RangeName, scope?: Scope): ReturnType<PortRanges['pair']>;
  };
  /** RTP to peers. A sender is closed with `scope`, by default the plugin's. */
  readonly rtp: {
    readonly tier: EngineTier;
    openSender(options: SenderOptions, scope?: Scope): RtpSender;
    /** Opens SRTP of one peer; whoever takes it closes it, at the latest the end of `scope` does, by default the plugin's. */
    openReceiver(keys: SrtpKeys, options?: ReceiverOptions, scope?: Scope): SrtpReceiver;
    /**
     * Binds a pair of ports of the media range. A session attaches it, takes it along through a swap and gives the ports back
     * when it ends; what no session has ends with the plugin.
     *
     * @throws WcsError NET_E_PORT_EXHAUSTED, NET_E_LISTEN saying why, or SCOPE_E_CLOSED
     */
    openPair(): Promise<RtpPortPair>;
  };
  readonly operations: {
    register<Input, Output>(operation: Operation<Input, Output>): void;
    call: Operations['call'];
    list: Operations['list'];
  };
  readonly web: {
    /** Answers the requests below a path of the HTTP server, whichever plugin that is. */
    route(route: WebRoute): void;
    find(path: string): WebRoute | undefined;
  };
  readonly metrics: {
    gauge(definition: Parameters<Metrics['gauge']>[0]): void;
    counter: Metrics['counter'];
    histogram: Metrics['histogram'];
  };
  readonly sessions: { open(wish: SessionWish): PluginSession; readonly all: ReadonlySet<PluginSession> };
  readonly access: { authorise: Access['authorise']; use(authoriser: Parameters<Access['use']>[0]): void };
  readonly capabilities: {
    provide(name: string, implementation: object): void;
    get<T extends object>(name: string): T;
    has(name: string): boolean;
  };
  readonly certificates: Certificates;
  /** The plugin's own folder below the state folder; made when first asked for. */
  stateFolder(): string;
  /** Watches a promise: a rejection is a fault of the plugin. */
  background(work: Promise<unknown>): void;
  /** Starts a child process that ends with `scope`, by default the plugin's. No shell. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions, scope?: Scope): ChildProcess;
  /**
   * Runs a module as a Node process that ends with `scope`: native code that may crash, or work that would block. File
   * descriptor 3 is a pipe in both directions; see `wcs-core/process/child-pool`.
   *
   * @param text the module as CommonJS, from `import text from './x.child.ts?text'`; finds the plugin's packages
   */
  spawnModule(text: string, options?: ModuleOptions, scope?: Scope): ChildProcess;
}
