import { definePlugin, type PluginContext, type PluginInstance, type PluginSession } from 'wcs-core';
import type { JointRecorderState } from './bridge/joint-recorder.ts';
import { JointRecorders } from './bridge/joint-recorders.ts';
import { registerOperations } from './bridge/operations.ts';
import { Recorders } from './bridge/recorders.ts';
import type { StreamRecorderState } from './bridge/stream-recorder.ts';
import { PartDesk } from './server/part-desk.ts';
import { RecordStore } from './server/record-store.ts';
import { settingsSchema, type RecorderSettings } from './settings.ts';

/** What works together once the plugin is prepared. */
interface Parts {
  readonly desk: PartDesk;
  readonly recorders: Recorders;
  readonly joint: JointRecorders;
}

type ExportedState = StreamRecorderState | JointRecorderState;

/** Records streams into files. */
class RecorderPlugin implements PluginInstance<RecorderSettings> {
  readonly #ctx: PluginContext<RecorderSettings>;
  #parts: Parts | undefined;
  #isReplaced = false;

  constructor(ctx: PluginContext<RecorderSettings>) {
    this.#ctx = ctx;
  }

  prepare(): void {
    const ctx = this.#ctx;
    const desk = new PartDesk(ctx, new RecordStore(ctx.settings.folder, ctx.stateFolder()));
    const parts = { desk, recorders: new Recorders(ctx, desk), joint: new JointRecorders(ctx, desk) };
    this.#parts = parts;
    registerOperations({ ctx, ...parts });
    parts.joint.registerOperations();
    registerMetrics(ctx, parts);
  }

  activate(): void {
    const { media } = this.#ctx;
    media.whileServing('streamPublished', ({ stream }) => this.#parts?.recorders.startIfWanted(stream));
    media.whileServing('streamResumed', ({ stream }) => this.#parts?.recorders.startIfWanted(stream));
    this.#parts?.desk.repairLeftovers();
  }

  /** What the next version is about to take stays; nobody takes it from a plugin that is switched off. */
  async drain(): Promise<void> {
    if (!this.#isReplaced) for (const session of [...this.#ctx.sessions.all]) session.close('plugin stopped');
    await this.#parts?.desk.idle();
  }

  exportSession(session: PluginSession): ExportedState | undefined {
    this.#isReplaced = true;
    return (this.#parts?.recorders.bySession(session) ?? this.#parts?.joint.bySession(session))?.exportState();
  }

  importSession(session: PluginSession, data: unknown): void {
    // Written by `exportSession` of a version with the same `handoff` number.
    const state = data as ExportedState;
    if (state.type === 'stream') this.#parts?.recorders.adopt(session, state);
    else this.#parts?.joint.adopt(session, state);
  }
}

function registerMetrics({ metrics }: PluginContext<RecorderSettings>, { recorders, joint }: Parts): void {
  const all = (): readonly { readonly backlogBytes: number }[] => [...recorders.all, ...joint.all];
  metrics.gauge({ name: 'recordings_running', group: 'recorder_stats', help: 'Recordings at this moment', read: () => all().length });
  metrics.gauge({ name: 'recordings_backlog_bytes', group: 'recorder_stats', help: 'Bytes that wait for the disk', read: () => all().reduce((sum, { backlogBytes }) => sum + backlogBytes, 0) });
}

export default definePlugin({
  manifest: { name: 'recorder', version: '1.0.0', apiVersion: '^1.0.0', handoff: 1 },
  configSchema: settingsSchema,
  create: (ctx) => new RecorderPlugin(ctx),
});
