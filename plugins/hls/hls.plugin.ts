import { definePlugin, type HttpExchange, type PluginContext, type PluginInstance, type PluginSession, type Stream } from 'wcs-core';
import { Packagers } from './bridge/packagers.ts';
import type { PackagerState } from './bridge/stream-packager.ts';
import { ClassicServer } from './server/classic-server.ts';
import { MediaAnswers } from './server/media-answers.ts';
import { registerOperations } from './server/operations.ts';
import { Router } from './server/router.ts';
import { Viewers, type ViewerState } from './server/viewers.ts';
import { configSchema, type HlsSettings } from './settings.ts';

/** A session on its way to the next generation; the first one announces the rest. */
interface Exported {
  readonly state: PackagerState | ViewerState;
  readonly announced: ReturnType<Packagers['announce']> | undefined;
}

const SWEEP_PERIOD_MS = 1000;
/** Time in which the sessions of a previous generation have come, before streams are looked at that nobody cuts yet. */
const AUTO_START_DELAY_MS = 500;
const ANSWER_BUCKETS_MS = [1, 5, 20, 100, 300, 1000, 3000, 10_000];

/** Streams of the bus over HTTP: low-latency HLS in fragmented MP4, classic HLS in MPEG-TS. */
class HlsPlugin implements PluginInstance<HlsSettings> {
  readonly #ctx: PluginContext<HlsSettings>;
  readonly #packagers: Packagers;
  readonly #viewers: Viewers;
  readonly #router: Router;
  #superseded = false;
  #announced = false;

  constructor(ctx: PluginContext<HlsSettings>) {
    this.#ctx = ctx;
    this.#packagers = new Packagers(ctx);
    this.#viewers = new Viewers(ctx);
    const counters = {
      requests: ctx.metrics.counter({ name: 'hls_requests', group: 'hls_stats', help: 'Answers to HLS viewers by status', labelNames: ['status'] }),
      bytes: ctx.metrics.counter({ name: 'hls_bytes_out', group: 'hls_stats', help: 'Bytes of playlists and media sent to HLS viewers' }),
      took: ctx.metrics.histogram({ name: 'hls_response_time_ms', group: 'hls_stats', help: 'Time to answer an HLS request, held time included', bucketsMs: ANSWER_BUCKETS_MS }),
    };
    this.#router = new Router({
      settings: () => ctx.settings,
      viewers: this.#viewers,
      packagers: this.#packagers,
      answers: new MediaAnswers(new ClassicServer(), counters, () => ctx.settings.startTimeoutMs),
      isSuperseded: () => this.#superseded,
    });
  }

  async prepare(): Promise<void> {
    const { listen, metrics, settings } = this.#ctx;
    const handler = { onRequest: (exchange: HttpExchange) => this.#serve(exchange) };
    await listen.http({ port: settings.port, tls: false, http2: false }, handler);
    await listen.http({ port: settings.tlsPort, tls: true, http2: true, setting: 'plugins.hls.tlsPort' }, handler);
    registerOperations({ ctx: this.#ctx, packagers: this.#packagers, viewers: this.#viewers });
    metrics.gauge({ name: 'connections_hls', group: 'connections_stats', help: 'HLS viewers', read: () => this.#viewers.size });
    metrics.gauge({ name: 'streams_hls', group: 'streams_stats', help: 'Streams cut for HLS, by container', read: () => this.#packagers.all.length });
    metrics.gauge({ name: 'hls_held_requests', group: 'hls_stats', help: 'Requests held until a part comes', read: () => this.#sum(({ waiters }) => waiters.size) });
    metrics.gauge({ name: 'hls_bytes_held', group: 'hls_stats', help: 'Bytes of segments in memory', read: () => this.#sum(({ presentation }) => presentation.store.bytes) });
  }

  activate(): void {
    const { timers, media, settings } = this.#ctx;
    timers.every(SWEEP_PERIOD_MS, () => {
      this.#viewers.sweep(performance.now());
      this.#packagers.sweep(performance.now());
    });
    if (!settings.autoStart) return;
    media.whileServing('streamPublished', ({ stream }) => this.#autoStart(stream));
    timers.after(AUTO_START_DELAY_MS, () => {
      for (const stream of media.streams()) this.#autoStart(stream);
    });
  }

  /** Viewers come again by themselves; nobody has to be waited for. */
  drain(): Promise<void> {
    this.#superseded = true;
    for (const session of [...this.#ctx.sessions.all]) session.close('plugin stopped');
    return Promise.resolve();
  }

  exportSession(session: PluginSession): Exported | undefined {
    this.#superseded = true;
    const state = this.#packagers.byId(session)?.exportState() ?? this.#viewers.find(session)?.exportState();
    if (state === undefined) return undefined;
    const announced = this.#announced ? undefined : this.#packagers.announce();
    this.#announced = true;
    return { state, announced };
  }

  importSession(session: PluginSession, data: unknown): void {
    const { state, announced } = data as Exported;
    if (announced !== undefined) this.#packagers.expect(announced);
    if (state.type === 'packager') this.#packagers.adopt(session, state);
    else this.#viewers.adopt(session, state);
  }

  #serve(exchange: HttpExchange): void {
    const served = this.#router.serve(exchange).catch((error: unknown) => {
      exchange.fail();
      throw error;
    });
    this.#ctx.background(served);
  }

  #autoStart(stream: Stream): void {
    const started = this.#packagers.obtain(stream.name, this.#ctx.settings.container, { keeps: true });
    started.catch((error: unknown) => this.#ctx.log.debug(`Stream ${stream.name} is not cut for HLS`, { error }));
  }

  #sum(pick: (packager: Packagers['all'][number]) => number): number {
    return this.#packagers.all.reduce((sum, packager) => sum + pick(packager), 0);
  }
}

export default definePlugin({
  manifest: {
    name: 'hls',
    version: '1.0.0',
    apiVersion: '^1.0.0',
    ports: { hls: 'tcp:8082', hlsTls: 'tcp:8445' },
    handoff: 1,
  },
  configSchema,
  create: (ctx) => new HlsPlugin(ctx),
});
