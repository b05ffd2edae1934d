import { definePlugin, type PluginContext, type PluginInstance, type PluginSession } from 'wcs-core';
import { registerOperations } from './bridge/operations.ts';
import { Recorders } from './bridge/recorders.ts';
import type { StreamRecorderState } from './bridge/stream-recorder.ts';
import { PartDesk } from './server/part-desk.ts';
import { RecordStore } from './server/record-store.ts';
import { settingsSchema, type RecorderSettings } from './settings.ts';

/** Records streams into files. */
class RecorderPlugin implements PluginInstance<RecorderSettings> {
  readonly #ctx: PluginContext<RecorderSettings>;
  #recorders: Recorders | undefined;
  #desk: PartDesk | undefined;
  #isReplaced = false;

  constructor(ctx: PluginContext<RecorderSettings>) {
    this.#ctx = ctx;
  }

  prepare(): void {
    const ctx = this.#ctx;
    const desk = new PartDesk(ctx, new RecordStore(ctx.settings.folder, ctx.stateFolder()));
    const recorders = new Recorders(ctx, desk);
    this.#desk = desk;
    this.#recorders = recorders;
    registerOperations({ ctx, desk, recorders });
  }

  activate(): void {
    const { media } = this.#ctx;
    media.on('streamPublished', ({ stream }) => this.#recorders?.startIfWanted(stream));
    media.on('streamResumed', ({ stream }) => this.#recorders?.startIfWanted(stream));
    this.#desk?.repairLeftovers();
  }

  /** What the next version is about to take stays; nobody takes it from a plugin that is switched off. */
  async drain(): Promise<void> {
    if (!this.#isReplaced) for (const session of [...this.#ctx.sessions.all]) session.close('plugin stopped');
    await this.#desk?.idle();
  }

  exportSession(session: PluginSession): StreamRecorderState | undefined {
    this.#isReplaced = true;
    return this.#recorders?.bySession(session)?.exportState();
  }

  importSession(session: PluginSession, data: unknown): void {
    // Written by `exportSession` of a version with the same `handoff` number.
    this.#recorders?.adopt(session, data as StreamRecorderState);
  }
}

export default definePlugin({
  manifest: { name: 'recorder', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create: (ctx) => new RecorderPlugin(ctx),
});
