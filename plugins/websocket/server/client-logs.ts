import { appendFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, type PluginContext } from 'wcs-core';
import type { WebSocketSettings } from './settings.ts';

/** Lines of one client that wait to be written. */
const MAX_BUFFERED_LENGTH = 64 * 1024;
/** Longest bug report. */
const MAX_REPORT_LENGTH = 64 * 1024;
/** Reports of one client that are kept. */
const MAX_REPORTS = 8;

/** Plain data of a `ClientLog`. */
export interface ClientLogState {
  readonly length: number;
  readonly reports: number;
}

/** What one client tells for the support: bounded, in a file of its own. */
export class ClientLog {
  readonly file: string;
  readonly #logs: ClientLogs;
  #length: number;
  #reports: number;
  #buffered = '';

  constructor(logs: ClientLogs, sessionId: string, state: ClientLogState = { length: 0, reports: 0 }) {
    this.#logs = logs;
    this.file = `${sessionId}.log`;
    this.#length = state.length;
    this.#reports = state.reports;
  }

  /** Keeps lines, up to the limit of the settings. */
  append(lines: string): void {
    const room = Math.min(this.#logs.maxLength - this.#length, MAX_BUFFERED_LENGTH - this.#buffered.length);
    const kept = lines.slice(0, Math.max(0, room));
    this.#length += kept.length;
    this.#buffered += kept;
  }

  report(report: unknown): void {
    if (this.#reports >= MAX_REPORTS) return;
    this.#reports++;
    this.#logs.write(this.file.replace(/log$/, `report-${this.#reports}.json`), JSON.stringify(report).slice(0, MAX_REPORT_LENGTH), false);
  }

  /** Writes what is buffered. */
  flush(): void {
    if (this.#buffered === '') return;
    this.#logs.write(this.file, this.#buffered, true);
    this.#buffered = '';
  }

  exportState(): ClientLogState {
    this.flush();
    return { length: this.#length, reports: this.#reports };
  }
}

/** The folder of all clients' logs; the oldest files give way. */
export class ClientLogs {
  readonly maxLength: number;
  readonly #ctx: PluginContext<WebSocketSettings>;
  readonly #maxFiles: number;
  /** One write after the other, so that lines keep their order. */
  #writing: Promise<void> = Promise.resolve();
  readonly #known = new Set<string>();

  constructor(ctx: PluginContext<WebSocketSettings>) {
    this.#ctx = ctx;
    this.maxLength = ctx.settings.logs.maxBytesPerSession;
    this.#maxFiles = ctx.settings.logs.maxFiles;
  }

  write(file: string, text: string, append: boolean): void {
    this.#writing = this.#writing.then(() => this.#write(file, text, append)).catch((error: unknown) => {
      this.#ctx.log.warn('The log of a client could not be written', { file, reason: messageOf(error) });
    });
  }

  async #write(file: string, text: string, append: boolean): Promise<void> {
    const folder = join(this.#ctx.stateFolder(), 'client-logs');
    if (!this.#known.has(file)) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await this.#makeRoom(folder);
      this.#known.add(file);
    }
    await (append ? appendFile : writeFile)(join(folder, file), text, { mode: 0o600 });
  }

  async #makeRoom(folder: string): Promise<void> {
    const files = await readdir(folder);
    const surplus = files.length - this.#maxFiles + 1;
    if (surplus <= 0) return;
    const dated = await Promise.all(files.map(async (file) => ({ file, changedMs: (await stat(join(folder, file))).mtimeMs })));
    for (const { file } of dated.sort((a, b) => a.changedMs - b.changedMs).slice(0, surplus)) {
      await rm(join(folder, file), { force: true });
      this.#known.delete(file);
    }
  }
}
