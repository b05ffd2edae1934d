import { rm } from 'node:fs/promises';
import { messageOf, type Counter, type PluginContext, type RecordingFacts } from 'wcs-core';
import type { RecorderSettings } from '../settings.ts';
import { expandTemplate, partPath, type EndFacts } from '../wire/file-name.ts';
import { finaliseMp4, FINALISING_MARK } from './finaliser.ts';
import { HookScript } from './hook-script.ts';
import type { JournalEntry, PartTicket } from './journal.ts';
import { PartFile, type PartFileState } from './part-file.ts';
import type { RecordStore } from './record-store.ts';
import { repairFile } from './repair.ts';

/** How a part came to its end. */
export interface PartClosing {
  readonly end: EndFacts;
  /** Number in its name; undefined for the last one, or the only one. */
  readonly number: number | undefined;
  /** Why it ended early. */
  readonly error?: string | undefined;
}

/** Opens files for recordings, and sees complete ones to their end: name, rewriting, report, script. */
export class PartDesk {
  readonly #ctx: PluginContext<RecorderSettings>;
  readonly #store: RecordStore;
  readonly #script: HookScript;
  readonly #counters: ReturnType<typeof registerCounters>;
  readonly #work = new Set<Promise<void>>();

  constructor(ctx: PluginContext<RecorderSettings>, store: RecordStore) {
    this.#ctx = ctx;
    this.#store = store;
    this.#script = new HookScript(ctx);
    this.#counters = registerCounters(ctx);
    // Acquired first, and so released last: files of sessions that end with the plugin are completed in time.
    ctx.scope.add('files of recordings', () => this.idle());
  }

  get store(): RecordStore {
    return this.#store;
  }

  /** @param onError told once, when the disk refuses something */
  open(ticket: PartTicket, onError: (error: unknown) => void): PartFile {
    this.#ctx.media.announce('recordingStarted', { recording: factsOf(ticket, plannedName(ticket)) });
    return new PartFile(this.#fileOptions(onError), this.#store.create(ticket));
  }

  /** Goes on with a file of the version before. */
  adopt(state: PartFileState, onError: (error: unknown) => void): PartFile {
    return new PartFile(this.#fileOptions(onError), state);
  }

  /** Completes a file in the background. */
  close(ticket: PartTicket, file: PartFile, closing: PartClosing): void {
    this.#track(this.#complete(ticket, file, closing));
  }

  /** Brings what earlier runs of the server left behind to its end, in the background. */
  repairLeftovers(): void {
    this.#track(this.#repairAll());
  }

  /** Resolves when every file is complete and every script has ended. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work);
  }

  #fileOptions(onError: (error: unknown) => void): ConstructorParameters<typeof PartFile>[0] {
    return { open: this.#store.openFile, syncMs: this.#ctx.settings.syncMs, nowMs: () => performance.now(), onError };
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.#ctx.log.error(`A recording could not be completed: ${messageOf(error)}`, { err: error }))
      .finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }

  async #complete(ticket: PartTicket, file: PartFile, closing: PartClosing): Promise<void> {
    let error = closing.error;
    try {
      await file.finish();
    } catch (failure) {
      error ??= messageOf(failure);
    }
    this.#counters.bytes.inc(file.wholeBytes);
    if (file.path === undefined || file.wholeBytes === 0) {
      if (file.path !== undefined) await this.#discard(ticket, file.path);
      this.#report(ticket, plannedName(ticket), 0, { ...closing, error: error ?? 'Nothing was recorded' });
      return;
    }
    const settled = await this.#store.settle(ticket, file.path, closing.end, closing.number);
    await this.#wrapUp(ticket, settled, file.wholeBytes, { ...closing, error });
  }

  /** What a file without media leaves: it never had a name. */
  async #discard(ticket: PartTicket, path: string): Promise<void> {
    await rm(path, { force: true });
    await this.#store.forget(ticket);
  }

  async #wrapUp(ticket: PartTicket, settled: string, bytes: number, closing: PartClosing): Promise<void> {
    if (this.#ctx.settings.finalise && ticket.container === 'mp4') await this.#finalise(ticket, settled);
    await this.#store.forget(ticket);
    this.#report(ticket, this.#store.relative(settled), bytes, closing);
    const { script, scriptTimeoutMs } = this.#ctx.settings;
    if (script !== undefined) await this.#script.run({ command: script, timeoutMs: scriptTimeoutMs }, ticket.facts.streamName, settled);
  }

  /** The fragmented file plays as well: a failure is a line in the log. */
  async #finalise(ticket: PartTicket, settled: string): Promise<void> {
    try {
      await this.#store.remember(ticket, settled);
      await finaliseMp4(settled, this.#ctx.scope);
    } catch (error) {
      this.#ctx.log.error(`A recording stays a fragmented MP4: ${messageOf(error)}`, { file: this.#store.relative(settled) });
    }
  }

  #report(ticket: PartTicket, file: string, bytes: number, { end, error }: PartClosing): void {
    const recording = factsOf(ticket, file);
    const { durationMs } = end;
    this.#counters[error === undefined ? 'completed' : 'failed'].inc();
    const facts = { stream: recording.streamName, file, bytes, durationMs: Math.round(durationMs) };
    if (error === undefined) this.#ctx.log.info('recording complete', facts);
    else this.#ctx.log.error(`recording ended early: ${error}`, facts);
    this.#ctx.media.announce('recordingEnded', { recording, end: { durationMs, bytes, error } });
  }

  async #repairAll(): Promise<void> {
    for (const entry of await this.#store.journal.leftovers()) {
      try {
        await this.#repair(entry);
      } catch (error) {
        this.#ctx.log.error(`A recording of an earlier run could not be repaired: ${messageOf(error)}`, { file: entry.path });
      }
    }
  }

  async #repair(entry: JournalEntry): Promise<void> {
    const path = this.#store.absolute(entry.path);
    if (entry.isWhole) {
      await rm(`${path}${FINALISING_MARK}`, { force: true });
      await this.#finalise(entry, path);
      return this.#store.forget(entry);
    }
    const { wholeBytes, cutBytes, changedAtMillis } = await repairFile(path, entry.container).catch(asNothing);
    if (wholeBytes === 0) return this.#store.discard(entry);
    this.#counters.repaired.inc();
    const { startTimeMillis, startTimeMs } = entry.facts;
    const durationMs = Math.max(0, changedAtMillis - startTimeMillis);
    const end = { durationMs, endTimeMs: startTimeMs + durationMs, endTimeMillis: changedAtMillis };
    const settled = await this.#store.settle(entry, path, end, undefined);
    this.#ctx.log.warn('A recording that the server had not completed was repaired', { file: this.#store.relative(settled), cutBytes });
    await this.#wrapUp(entry, settled, wholeBytes, { end, number: undefined, error: 'The server ended before the recording did' });
  }
}

function registerCounters({ metrics }: PluginContext<RecorderSettings>) {
  const counter = (name: string, help: string): Counter => metrics.counter({ name: `recordings_${name}`, group: 'recorder_stats', help });
  return {
    completed: counter('completed', 'Complete files'),
    failed: counter('failed', 'Files that ended before their streams'),
    repaired: counter('repaired', 'Files of an earlier run of the server that were repaired'),
    bytes: counter('bytes', 'Bytes of recordings'),
  };
}

/** The name that a part is going to have, as far as it is known. */
export function plannedName(ticket: PartTicket): string {
  return partPath(expandTemplate(ticket.template, ticket.facts), undefined, ticket.container);
}

function factsOf({ facts }: PartTicket, file: string): RecordingFacts {
  const { streamName, mediaSessionId, sessionId } = facts;
  return { streamName, mediaSessionId, sessionId, file };
}

/** The file went with its folder. */
function asNothing(error: unknown): Awaited<ReturnType<typeof repairFile>> {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { wholeBytes: 0, cutBytes: 0, changedAtMillis: 0 };
  throw error;
}
