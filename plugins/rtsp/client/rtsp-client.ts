import type { PluginContext, PluginSession } from 'wcs-core';
import type { PullMediaPort } from './media-port.ts';
import { registerPullOperations } from './operations.ts';
import type { PullState } from './pull.ts';
import { Pulls } from './pulls.ts';
import type { ClientSettings } from './settings.ts';

/** The outgoing side of the plugin: cameras and servers that are pulled. */
export class RtspClient {
  readonly #ctx: PluginContext;
  readonly #pulls: Pulls;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(ctx: PluginContext, settings: ClientSettings, media: PullMediaPort, nowMs: () => number) {
    this.#ctx = ctx;
    this.#pulls = new Pulls(ctx, settings, media, nowMs);
  }

  get size(): number {
    return this.#pulls.all.length;
  }

  prepare(): void {
    this.#pulls.register();
    registerPullOperations(this.#ctx.operations, this.#pulls);
    this.#ctx.metrics.gauge({ name: 'rtsp_pulls', group: 'rtsp_stats', help: 'Cameras and servers that are pulled by RTSP.', read: () => this.size });
  }

  start(): void {
    this.#pulls.start();
  }

  exportSession(session: PluginSession): PullState | undefined {
    return this.#pulls.exportSession(session);
  }

  importSession(session: PluginSession, state: PullState): void {
    this.#pulls.importSession(session, state);
  }
}
