import { WcsError, type Counter, type PluginContext, type PluginSession, type Rounds, type StreamSource } from 'wcs-core';
import type { PullFailure } from '../session/pull-failure.ts';
import type { PullTransport } from '../session/pull-state.ts';
import type { PullMediaPort } from './media-port.ts';
import { Pull, type PullServices, type PullState } from './pull.ts';
import type { ClientSettings } from './settings.ts';

/** How often pulls are looked after: packets out of order wait no longer than half of it beyond their time. */
const TICK_MS = 50;
/** Addresses whose transport, or whose wrong password, is remembered. */
const REMEMBERED_MAX = 1000;

/** What is said when the last reader has gone, or an operator ends a pull. */
const SHUTDOWN = 'RtspAgent shutdown';
const TERMINATED = 'Stopped by rest /terminate';

/** What a source is given by the bus. */
type SourceContext = Parameters<StreamSource['start']>[1];

/** All pulls of this version of the plugin: one for each address, whoever asks for it. */
export class Pulls {
  readonly #ctx: PluginContext;
  readonly #settings: ClientSettings;
  readonly #services: PullServices;
  readonly #pulls = new Map<string, Pull>();
  #rounds: Rounds | undefined;
  readonly #transports = new Map<string, PullTransport>();
  /** Until when an address is not called again, because its password was wrong. */
  readonly #lockedUntilMs = new Map<string, number>();
  /** Wishes for streams that another version runs still. */
  readonly #adopted = new Map<string, SourceContext>();
  readonly #failures: Counter;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext, settings: ClientSettings, media: PullMediaPort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#settings = settings;
    this.#failures = ctx.metrics.counter({ name: 'rtsp_pull_failures', group: 'rtsp_stats', help: 'Failures of RTSP pulls, by cause.', labelNames: ['cause'] });
    this.#services = {
      ctx,
      settings,
      media,
      nowMs,
      transportOf: (uri) => this.#transports.get(uri) ?? settings.transport,
      rememberTransport: (uri, transport) => remember(this.#transports, uri, transport),
      onFailure: (failure) => this.#failures.inc(1, { cause: failure.cause }),
      onClosed: (pull) => {
        if (this.#pulls.get(pull.uri) === pull) this.#pulls.delete(pull.uri);
      },
    };
  }

  /** Claims the addresses of cameras as stream names. */
  register(): void {
    for (const scheme of ['rtsp', 'rtsps']) {
      this.#ctx.media.registerSource({
        scheme,
        idleMs: this.#settings.idleMs,
        start: (uri, context) => this.#startSource(uri, context),
        adopt: (uri, context) => this.#adopt(uri, context),
      });
    }
  }

  /** Starts to look after pulls. */
  start(): void {
    this.#rounds = this.#ctx.timers.rounds(() => {
      const nowMs = this.#services.nowMs();
      for (const pull of [...this.#pulls.values()]) pull.tick(nowMs);
      return this.#pulls.size === 0 ? undefined : TICK_MS;
    });
    if (this.#pulls.size > 0) this.#rounds.begin();
  }

  get all(): readonly Pull[] {
    return [...this.#pulls.values()];
  }

  /**
   * Pulls an address until it is ended by `terminate`, whether anybody reads it or not.
   *
   * @param toStream name of the stream; default: the address
   * @throws WcsError OPERATION_E_CONFLICT when it is pulled already, MEDIA_E_NAME_IN_USE, or why it can't be had
   */
  async startup(uri: string, toStream: string | undefined, caller: string | undefined): Promise<void> {
    const name = toStream ?? uri;
    if (this.#pulls.has(uri)) throw new WcsError('OPERATION_E_CONFLICT', 'This address is pulled already.');
    if (this.#ctx.media.find(name)?.state === 'live') throw new WcsError('MEDIA_E_NAME_IN_USE', 'Stream name is already in use');
    await this.#open(uri, name, caller).started;
  }

  /** Ends a pull with all its streams; false when there is none. */
  terminate(pull: Pull): void {
    pull.end(TERMINATED);
  }

  exportSession(session: PluginSession): PullState | undefined {
    return this.#pullOf(session)?.exportState();
  }

  importSession(session: PluginSession, state: PullState): void {
    const pull = new Pull(this.#services, session, state, state);
    this.#pulls.set(pull.uri, pull);
    this.#rounds?.begin();
    if (pull.transport !== undefined) remember(this.#transports, pull.uri, pull.transport);
    const wish = this.#adopted.get(pull.uri);
    this.#adopted.delete(pull.uri);
    if (wish !== undefined) this.#endWith(wish.signal, pull);
  }

  async #startSource(uri: string, { caller, signal }: SourceContext): Promise<void> {
    const pull = this.#pulls.get(uri) ?? this.#open(uri, uri, caller);
    await pull.started;
    pull.addOutlet(uri);
    this.#endWith(signal, pull);
  }

  /** The source of the version before says when the stream isn't wanted any more; its pull may come over at once, or later. */
  #adopt(uri: string, context: SourceContext): void {
    const pull = this.#pulls.get(uri);
    if (pull === undefined) remember(this.#adopted, uri, context);
    else this.#endWith(context.signal, pull);
  }

  #endWith(signal: AbortSignal, pull: Pull): void {
    const end = (): void => pull.dropOutlet(pull.uri, SHUTDOWN);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  }

  #open(uri: string, name: string, caller: string | undefined): Pull {
    if (this.#pulls.size >= this.#settings.maxPulls) throw new WcsError('PROTOCOL_E_LIMIT', `${this.#settings.maxPulls} pulls are running; raise plugins.rtsp.client.maxPulls.`);
    const { nowMs } = this.#services;
    if ((this.#lockedUntilMs.get(uri) ?? 0) > nowMs()) throw new WcsError('MEDIA_E_SOURCE_FAILED', 'Failed to connect to rtsp stream', { details: { cause: 'unauthorised', detail: 'the password was wrong a moment ago' } });
    const session = this.#ctx.sessions.open({ protocol: 'rtsp', kind: 'internal' });
    const pull = new Pull(this.#services, session, { uri, caller });
    this.#pulls.set(uri, pull);
    this.#rounds?.begin();
    pull.started.catch((error: unknown) => {
      if (isUnauthorised(error)) remember(this.#lockedUntilMs, uri, nowMs() + this.#settings.unauthorisedRetryMs);
    });
    pull.start(name);
    return pull;
  }

  #pullOf(session: PluginSession): Pull | undefined {
    return this.all.find((pull) => pull.session === session);
  }
}

function isUnauthorised(error: unknown): boolean {
  return error instanceof WcsError && error.details['cause'] === ('unauthorised' satisfies PullFailure['cause']);
}

/** Keeps the newest entries only. */
function remember<Value>(memory: Map<string, Value>, key: string, value: Value): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > REMEMBERED_MAX && oldest !== undefined) memory.delete(oldest);
}
