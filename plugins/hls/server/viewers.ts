import { randomUUID } from 'node:crypto';
import type { HttpRequest, PluginContext, PluginSession } from 'wcs-core';
import { ViewerMetrics, type ViewerMetricsState } from '../session/viewer-metrics.ts';
import type { HlsSettings } from '../settings.ts';

/** Who watches what: one device, one stream, one set of parameters. HTTP has no sessions, so silence ends it. */
export class Viewer {
  readonly key: string;
  /** The stream that it gets, as the authorisers may have rewritten it. */
  readonly streamName: string;
  readonly session: PluginSession;
  readonly metrics: ViewerMetrics;
  readonly userAgent: string;
  lastSeenMs: number;

  constructor(session: PluginSession, state: ViewerState) {
    this.session = session;
    this.key = state.key;
    this.streamName = state.streamName;
    this.userAgent = state.userAgent;
    this.lastSeenMs = state.lastSeenMs;
    this.metrics = new ViewerMetrics(state.metrics);
  }

  exportState(): ViewerState {
    const { key, streamName, userAgent, lastSeenMs, metrics } = this;
    return { type: 'viewer', key, streamName, userAgent, lastSeenMs, metrics: metrics.exportState() };
  }
}

/** A viewer as plain data. */
export interface ViewerState {
  readonly type: 'viewer';
  readonly key: string;
  readonly streamName: string;
  readonly userAgent: string;
  readonly lastSeenMs: number;
  readonly metrics?: ViewerMetricsState;
}

/** How a request is admitted. */
export type Admission = { readonly allowed: true; readonly viewer: Viewer } | { readonly allowed: false; readonly status: 403 | 503; readonly reason: string };

/** What a request says about who watches. */
export interface Watching {
  readonly request: HttpRequest;
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  /** The parameters as one text. */
  readonly suffix: string;
}

const USER_AGENT_MAX = 256;

/** All viewers: each is asked for its right to play once, at its first request. */
export class Viewers {
  readonly #ctx: PluginContext<HlsSettings>;
  readonly #byKey = new Map<string, Viewer>();
  readonly #pending = new Map<string, Promise<Admission>>();

  constructor(ctx: PluginContext<HlsSettings>) {
    this.#ctx = ctx;
  }

  get size(): number {
    return this.#byKey.size;
  }

  /** Viewers of a stream. */
  of(streamName: string): Viewer[] {
    return [...this.#byKey.values()].filter((viewer) => viewer.streamName === streamName);
  }

  /** The viewer behind a request: known already, or admitted by the authorisers. Never rejects for a refusal. */
  admit(watching: Watching): Viewer | Promise<Admission> {
    const { request, name, suffix } = watching;
    const userAgent = (request.headers['user-agent'] ?? '').slice(0, USER_AGENT_MAX);
    // A name has neither spaces nor line breaks, so no two viewers share a key.
    const key = [name, request.socket.remoteAddress ?? '', suffix, userAgent].join('\n');
    const known = this.#byKey.get(key);
    if (known !== undefined) {
      known.lastSeenMs = performance.now();
      return known;
    }
    let pending = this.#pending.get(key);
    if (pending === undefined) {
      pending = this.#authorise(key, userAgent, watching).finally(() => this.#pending.delete(key));
      this.#pending.set(key, pending);
    }
    return pending;
  }

  /** Forgets those who have asked for nothing for long. */
  sweep(nowMs: number): void {
    for (const viewer of this.#byKey.values()) {
      if (nowMs - viewer.lastSeenMs > this.#ctx.settings.viewerIdleMs) viewer.session.close('no requests any more');
    }
  }

  find(session: PluginSession): Viewer | undefined {
    return [...this.#byKey.values()].find((viewer) => viewer.session === session);
  }

  /** Takes over a session, new or from another generation. */
  adopt(session: PluginSession, state: ViewerState): Viewer {
    const viewer = new Viewer(session, state);
    this.#byKey.set(viewer.key, viewer);
    session.scope.add('viewer', () => {
      if (this.#byKey.get(viewer.key) === viewer) this.#byKey.delete(viewer.key);
    });
    session.entry.update({
      state: 'PLAYING',
      role: 'play',
      streamName: viewer.streamName,
      userAgent: viewer.userAgent,
      bytesOut: () => viewer.metrics.bytesOut,
      bytesIn: () => 0,
    });
    return viewer;
  }

  async #authorise(key: string, userAgent: string, { request, name, params }: Watching): Promise<Admission> {
    if (this.#byKey.size + this.#pending.size >= this.#ctx.settings.maxViewers) {
      return { allowed: false, status: 503, reason: 'There are too many viewers.' };
    }
    const id = randomUUID();
    const peer = { address: request.socket.remoteAddress ?? '', port: request.socket.remotePort ?? 0 };
    const decision = await this.#ctx.access.authorise({ action: 'play', protocol: 'hls', streamName: name, params, peer, sessionId: id, userAgent });
    if (!decision.allowed) return { allowed: false, status: 403, reason: decision.reason };
    if (this.#ctx.scope.closed) return { allowed: false, status: 503, reason: 'The server is restarting.' };
    const session = this.#ctx.sessions.open({ id, protocol: 'hls', kind: 'client', peer });
    const viewer = this.adopt(session, { type: 'viewer', key, streamName: decision.streamName ?? name, userAgent, lastSeenMs: performance.now() });
    return { allowed: true, viewer };
  }
}
