import { randomBytes } from 'node:crypto';
import { messageOf, WcsError, type Connection, type PluginContext, type PluginSession } from 'wcs-core';
import type { ClientFailure, ClientWish } from '../session/client-state.ts';
import { serverOf, tcUrlOf } from '../session/relay-address.ts';
import type { RtmpSettings } from '../server/settings.ts';
import { Backoff, type BackoffState } from './backoff.ts';
import { RelayLink, type LinkState } from './relay-link.ts';
import type { RelayHost, RelayMedia, RelayOrder, RestoredMedia } from './relay-media.ts';

/** Connections that one attempt may take: without a proof, with the user, with the answer. */
const MAX_PROOFS = 2;
/** How long what was written last may take to go out before a connection that we end is cut. */
const CLOSE_LINGER_MS = 1000;

/** `starting` until media has flowed once; `waiting` for the next try after a break. */
type RelayPhase = 'starting' | 'connecting' | 'running' | 'waiting' | 'over';

const STATUS = { starting: 'NEW', connecting: 'RECONNECTING', running: 'CONNECTED', waiting: 'RECONNECTING', over: 'CLOSED' } as const;

/** A relay as plain data, for the next version of the plugin. */
export interface RelayState {
  readonly order: RelayOrder;
  readonly backoff: BackoffState;
  /** The connection at work; without one the next version tries when it is due. */
  readonly link: LinkState | undefined;
  readonly proofs: number;
  readonly dueAtMs: number;
  readonly lastError: string | undefined;
  readonly media: unknown;
}

/** What every relay is given. */
export interface RelayServices {
  readonly ctx: PluginContext<RtmpSettings>;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  onOver(relay: Relay): void;
}

/** Makes the media side. */
export type OpenMedia<Media extends RelayMedia> = (host: RelayHost, restored?: RestoredMedia) => Media;

/**
 * One stream on its way to or from another server. Its session outlives its connections: after a break another one is
 * tried, later each time, while the stream and its readers stay.
 */
export class Relay<Media extends RelayMedia = RelayMedia> {
  readonly session: PluginSession;
  readonly order: RelayOrder;
  readonly media: Media;
  readonly #services: RelayServices;
  readonly #backoff: Backoff;
  /** Whoever waits for the start. */
  #starter: { resolve(): void; reject(error: WcsError): void } | undefined;
  #link: RelayLink | undefined;
  #phase: RelayPhase = 'starting';
  #proofs = 0;
  #dueAtMs = 0;
  #lastError: string | undefined;

  /** @param state of a relay of the previous version */
  constructor(services: RelayServices, session: PluginSession, order: RelayOrder, openMedia: OpenMedia<Media>, state?: RelayState) {
    const { reconnectMinMs: minMs, reconnectMaxMs: maxMs } = services.ctx.settings.client;
    this.#services = services;
    this.session = session;
    this.order = order;
    this.#backoff = new Backoff({ minMs, maxMs }, state?.backoff);
    session.scope.add('relay', () => services.onOver(this));
    session.onGoodbye = (reason) => this.#sayGoodbye(reason);
    if (state !== undefined) this.#takeOver(state);
    this.media = openMedia(this.#host(), state === undefined ? undefined : { state: state.media, link: this.#link?.running === true ? this.#link : undefined });
    if (state !== undefined && this.#link === undefined) this.#tryAt(state.dueAtMs);
    this.#updateEntry();
  }

  /** In the words of the WCS API, with one of our own for the time between two connections. */
  get status(): 'NEW' | 'CONNECTED' | 'RECONNECTING' | 'CLOSED' {
    return STATUS[this.#phase];
  }

  /** Why the last connection broke, until the next one runs. */
  get lastError(): string | undefined {
    return this.#lastError;
  }

  /**
   * Begins, and resolves when media flows for the first time. What fails before that ends the relay.
   *
   * @throws WcsError MEDIA_E_NOT_FOUND, ACCESS_E_REFUSED, NET_E_HOST_UNKNOWN, NET_E_CONNECT, NET_E_PEER_REFUSED, NET_E_PEER_BROKEN
   */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#starter = { resolve, reject };
      this.session.background(this.#begin());
    });
  }

  /** Looks after a silent server; called about every second. */
  tick(): void {
    this.#link?.tick();
  }

  /** Ends the relay in good order. */
  end(reason: string): void {
    if (this.#phase === 'over') return;
    this.#sayGoodbye(reason);
    this.session.onGoodbye = undefined;
    this.#services.onOver(this);
    if (this.#link === undefined) return this.session.close(reason);
    this.session.timers.after(CLOSE_LINGER_MS, () => this.session.close(reason));
  }

  /** Everything that the next version needs; undefined while somebody waits for the start, and at the end. */
  exportState(): RelayState | undefined {
    if (this.#phase === 'starting' || this.#phase === 'over') return undefined;
    return {
      order: this.order,
      backoff: this.#backoff.exportState(),
      link: this.#link?.exportState(),
      proofs: this.#proofs,
      dueAtMs: this.#dueAtMs,
      lastError: this.#lastError,
      media: this.media.exportState(),
    };
  }

  async #begin(): Promise<void> {
    try {
      await this.media.prepare(this.session.scope.signal);
    } catch (error) {
      if (!this.session.closed) this.#lose(asWcsError(error));
      return;
    }
    await this.#connect('');
  }

  /** @param proof the answer to the server's challenge, empty at first */
  async #connect(proof: string): Promise<void> {
    const { ctx } = this.#services;
    const { scope } = this.session;
    if (proof === '') this.#proofs = 0;
    if (this.#phase === 'waiting') this.#phase = 'connecting';
    let connection: Connection;
    try {
      connection = await this.#dial();
    } catch (error) {
      if (!scope.closed && !this.#isOver()) this.#lose(asWcsError(error));
      return;
    }
    if (scope.closed || this.#isOver()) {
      connection.destroy();
      return;
    }
    ctx.log.debug('RTMP relay connected', { server: serverOf(this.order.address), address: connection.remoteAddress });
    this.#link = new RelayLink(this.#linkOptions(connection, this.#wish(proof)));
    this.#updateEntry();
  }

  async #dial(): Promise<Connection> {
    const { ctx } = this.#services;
    const { timeoutMs, verifyCertificates: verify } = ctx.settings.client;
    const { address: numeric, host, port } = await ctx.targets.check(this.order.url, this.order.caller);
    const tls = this.order.address.secure ? { tls: { host, verify } } : {};
    return ctx.connect({ address: numeric, port: port ?? 0, range: 'relays', timeoutMs, signal: this.session.scope.signal, ...tls });
  }

  #takeOver(state: RelayState): void {
    const [connection] = this.session.connections;
    this.#phase = 'waiting';
    this.#proofs = state.proofs;
    this.#lastError = state.lastError;
    if (state.link === undefined) return;
    if (connection === undefined) throw new Error('An RTMP relay without its connection');
    this.#phase = state.link.flowing ? 'running' : 'connecting';
    this.#link = new RelayLink(this.#linkOptions(connection, state.link.wish), state.link);
  }

  #wish(proof: string): ClientWish {
    const { role, address, flashVersion } = this.order;
    const { app, streamName, credentials } = address;
    return { role, app, tcUrl: tcUrlOf(address), streamName, flashVersion, credentials, proof, nonce: randomBytes(4).toString('hex') };
  }

  #linkOptions(connection: Connection, wish: ClientWish): ConstructorParameters<typeof RelayLink>[0] {
    const { ctx, nowMs } = this.#services;
    const { pingIntervalMs, idleTimeoutMs, client } = ctx.settings;
    return {
      session: this.session,
      connection,
      wish,
      limits: { startTimeoutMs: client.timeoutMs, pingIntervalMs, idleTimeoutMs },
      media: () => this.media,
      nowMs,
      handlers: {
        onStarted: () => this.#link !== undefined && this.media.open(this.#link),
        onChallenged: (proof) => this.#retryWith(proof),
        onLost: (failure) => this.#lose(errorOf(failure, this.order)),
      },
    };
  }

  #host(): RelayHost {
    return {
      session: this.session,
      order: this.order,
      onFlowing: () => this.#flows(),
      onBroken: (error) => this.#lose(error),
      onOver: (reason) => this.end(reason),
    };
  }

  #flows(): void {
    if (this.#link === undefined || this.#isOver()) return;
    this.#link.flowing = true;
    this.#phase = 'running';
    this.#lastError = undefined;
    this.#backoff.running(this.#services.nowMs());
    this.#starter?.resolve();
    this.session.log.info(this.order.role === 'publish' ? 'RTMP push runs' : 'RTMP pull runs', { stream: this.order.localName, server: serverOf(this.order.address) });
    this.#updateEntry();
  }

  #retryWith(proof: string): void {
    this.#dropLink();
    this.#proofs += 1;
    if (this.#proofs > MAX_PROOFS) return this.#lose(errorOf({ type: 'refused', reason: 'the server asks for one password after the other' }, this.order));
    this.session.background(this.#connect(proof));
  }

  /** The connection is of no use any more, or could not be had. */
  #lose(error: WcsError): void {
    if (this.#isOver()) return;
    this.#dropLink();
    this.session.log.debug('RTMP relay lost its connection', { stream: this.order.localName, server: serverOf(this.order.address), reason: messageOf(error) });
    if (this.#phase === 'starting') {
      this.#starter?.reject(error);
      return this.end(messageOf(error));
    }
    this.#lastError = messageOf(error);
    this.media.pause(this.#lastError);
    this.#tryAt(this.#services.nowMs() + this.#backoff.next(this.#services.nowMs()));
  }

  #tryAt(dueAtMs: number): void {
    this.#phase = 'waiting';
    this.#dueAtMs = dueAtMs;
    this.session.timers.after(Math.max(0, dueAtMs - this.#services.nowMs()), () => this.session.background(this.#connect('')));
    this.#updateEntry();
  }

  #dropLink(): void {
    this.#link?.drop();
    this.#link = undefined;
  }

  #sayGoodbye(reason: string): void {
    this.#phase = 'over';
    this.media.end(reason);
    this.#link?.end();
    // Nobody hears it who was told before.
    this.#starter?.reject(new WcsError('NET_E_CONNECT', `Ended before it began: ${reason}`));
  }

  /** Asked anew after something else has run. */
  #isOver(): boolean {
    return this.#phase === 'over';
  }

  /** The facts for lists; their functions belong to this version of the plugin, so that a swap exchanges them. */
  #updateEntry(): void {
    const connection = this.#link?.connection;
    this.session.entry.update({
      state: this.#phase === 'running' ? 'ESTABLISHED' : 'PENDING',
      role: this.order.role === 'publish' ? 'play' : 'publish',
      streamName: this.order.localName,
      userAgent: this.order.flashVersion,
      info: { server: serverOf(this.order.address), secure: this.order.address.secure },
      bytesIn: () => connection?.bytesRead ?? 0,
      bytesOut: () => connection?.bytesWritten ?? 0,
    });
  }
}

function errorOf({ type, reason }: ClientFailure, { address }: RelayOrder): WcsError {
  const code = type === 'refused' ? 'NET_E_PEER_REFUSED' : 'NET_E_PEER_BROKEN';
  return new WcsError(code, `${serverOf(address)}: ${reason}${/[.!?]$/.test(reason) ? '' : '.'}`);
}

function asWcsError(error: unknown): WcsError {
  return error instanceof WcsError ? error : new WcsError('NET_E_CONNECT', messageOf(error), { cause: error });
}
