import { createInterface, type Interface } from 'node:readline';
import { PassThrough, Writable } from 'node:stream';
import type { ServerChannel } from 'ssh2';
import type { ScopedTimers } from 'wcs-core';
import type { Completion } from '../session/completion.ts';
import { EXIT, type ExitCode } from '../session/command-io.ts';
import type { History } from '../session/history.ts';
import type { Interpreter } from '../session/interpreter.ts';
import { MAX_LINE_LENGTH } from '../wire/command-line.ts';
import type { ChannelOutput } from './channel-output.ts';
import { commandIo, settled } from './running.ts';

const PROMPT = '> ';
/** Lines typed ahead while a command runs; more are dropped. */
const MAX_TYPED_AHEAD = 200;

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** What an interactive shell runs on. */
export interface TerminalParts {
  readonly channel: ServerChannel;
  readonly output: ChannelOutput;
  readonly interpreter: Interpreter;
  readonly history: History;
  readonly user: string;
  readonly greeting: string;
  readonly timers: ScopedTimers;
  /** Aborted when the peer has gone. */
  readonly signal: AbortSignal;
  readonly size: TerminalSize;
  complete(line: string): Promise<Completion>;
}

/** The interactive shell: a line editor with history and completion; Ctrl-C stops a command, Ctrl-D leaves. */
export class TerminalShell {
  readonly #parts: TerminalParts;
  readonly #screen: Screen;
  readonly #editor: Interface;
  readonly #typedAhead: string[] = [];
  #running: AbortController | undefined;
  #asking = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(parts: TerminalParts) {
    this.#parts = parts;
    this.#screen = new Screen(parts.output, parts.size);
    const keys = new PassThrough();
    this.#editor = createInterface({
      input: keys,
      output: this.#screen,
      terminal: true,
      prompt: PROMPT,
      history: parts.history.of(parts.user),
      historySize: 500,
      removeHistoryDuplicates: true,
      completer: (line: string, done: (error: null, result: [string[], string]) => void) => {
        void parts.complete(line).then(([candidates, typed]) => done(null, [[...candidates], typed]));
      },
    });
    this.#editor.on('line', (line) => this.#onLine(line));
    this.#editor.on('SIGINT', () => this.interrupt());
    // Without a listener the editor would answer Ctrl-Z by stopping the whole process.
    this.#editor.on('SIGTSTP', () => undefined);
    this.#editor.on('history', (lines: string[]) => this.#dropSecrets(lines));
    this.#editor.on('close', () => this.#leave());
    parts.channel.on('data', (chunk: Buffer) => this.#onKeys(keys, chunk));
    parts.channel.on('end', () => keys.end());
    parts.signal.addEventListener('abort', () => this.#editor.close(), { once: true });
  }

  /** Prompts and runs lines until the user leaves or the peer has gone. */
  async run(): Promise<ExitCode> {
    this.#parts.output.out(this.#parts.greeting);
    for (;;) {
      const line = await this.#nextLine();
      if (line === undefined) break;
      this.#remember(line);
      const running = new AbortController();
      const { leave } = await this.#runLine(line, running);
      if (leave) break;
    }
    this.#editor.close();
    return EXIT.ok;
  }

  /** Ctrl-C: stops what runs, or else clears the line. */
  interrupt(): void {
    if (this.#running !== undefined) {
      this.#typedAhead.length = 0;
      this.#running.abort();
      return;
    }
    this.#parts.output.out('^C\n');
    this.#editor.write(null, { ctrl: true, name: 'e' });
    this.#editor.write(null, { ctrl: true, name: 'u' });
    this.#editor.prompt();
  }

  /** The peer's window has another size now. */
  resize(size: TerminalSize): void {
    this.#screen.resize(size);
  }

  async #runLine(line: string, running: AbortController): Promise<{ readonly leave: boolean }> {
    const { output, timers, interpreter } = this.#parts;
    this.#running = running;
    this.#screen.muted = true;
    const signal = AbortSignal.any([running.signal, this.#parts.signal]);
    const columns = this.#screen.columns;
    const io = commandIo(output, timers, { signal, columns, askSecret: (prompt) => this.#askSecret(prompt, signal) });
    try {
      const outcome = await interpreter.run(line, io);
      if (running.signal.aborted) output.out('^C\n');
      await settled(output, timers, this.#parts.signal);
      return outcome;
    } finally {
      this.#running = undefined;
      this.#screen.muted = false;
    }
  }

  async #nextLine(): Promise<string | undefined> {
    for (;;) {
      const line = this.#typedAhead.shift();
      if (line !== undefined) {
        this.#parts.output.out(`${PROMPT}${line}\n`);
        return line;
      }
      if (this.#closed) return undefined;
      this.#editor.prompt(true);
      const typed = await this.#typedLine();
      if (typed !== undefined) return typed;
    }
  }

  #typedLine(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined;
        resolve(this.#typedAhead.shift());
      };
    });
  }

  /** A line typed while nothing is shown; Ctrl-C gives up. */
  async #askSecret(prompt: string, signal: AbortSignal): Promise<string | undefined> {
    this.#parts.output.out(prompt);
    this.#asking = true;
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const line = this.#typedAhead.shift() ?? (this.#closed ? undefined : await this.#typedLine());
      return signal.aborted ? undefined : line;
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#asking = false;
      this.#parts.output.out('\n');
    }
  }

  #onLine(line: string): void {
    if (this.#typedAhead.length >= MAX_TYPED_AHEAD) {
      this.#parts.output.err('(line dropped: too many are waiting)\n');
      return;
    }
    this.#typedAhead.push(line);
    this.#wake?.();
  }

  #onKeys(keys: PassThrough, chunk: Buffer): void {
    if (this.#closed) return;
    if (this.#editor.line.length + chunk.length > MAX_LINE_LENGTH) {
      this.#parts.output.err(`\nerror: A line has at most ${MAX_LINE_LENGTH} characters.\n`);
      this.#editor.close();
      return;
    }
    keys.write(chunk);
  }

  /** The editor keeps every line by itself; those that hold a secret go at once. */
  #dropSecrets(lines: string[]): void {
    const [newest] = lines;
    if (newest !== undefined && (this.#asking || this.#parts.interpreter.holdsSecret(newest))) lines.shift();
  }

  #remember(line: string): void {
    if (!this.#parts.interpreter.holdsSecret(line)) this.#parts.history.add(this.#parts.user, line);
  }

  #leave(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

/** The line editor's output; shows nothing of it while a command runs or a secret is typed. */
class Screen extends Writable {
  muted = false;
  columns: number;
  rows: number;
  readonly #output: ChannelOutput;

  constructor(output: ChannelOutput, size: TerminalSize) {
    super({ decodeStrings: false });
    this.#output = output;
    this.columns = size.columns;
    this.rows = size.rows;
  }

  resize(size: TerminalSize): void {
    this.columns = size.columns;
    this.rows = size.rows;
    this.emit('resize');
  }

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    if (!this.muted) this.#output.raw(chunk.toString());
    done();
  }
}
