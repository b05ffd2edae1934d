import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { ProtocolError } from 'wcs-core';

/** Lines that wait before reading stops until one is taken. */
const MAX_WAITING = 256;

/** Reads lines from a stream, one at a time and no faster than they are asked for. */
export class LineReader {
  readonly #input: Readable;
  readonly #maxLength: number;
  readonly #decoder = new StringDecoder('utf8');
  readonly #lines: string[] = [];
  #rest = '';
  #ended = false;
  #tooLong = false;
  #wake: (() => void) | undefined;

  constructor(input: Readable, maxLength: number) {
    this.#input = input;
    this.#maxLength = maxLength;
    input.on('data', (chunk: Buffer) => this.#take(this.#decoder.write(chunk)));
    const onEnd = (): void => this.#end();
    input.on('end', onEnd).on('close', onEnd);
  }

  /**
   * The next line without its end; undefined at the end of input or when `signal` aborts.
   *
   * @throws ProtocolError for a line beyond the limit
   */
  async next(signal?: AbortSignal): Promise<string | undefined> {
    const onAbort = (): void => this.#wake?.();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      while (this.#lines.length === 0 && !this.#ended && !this.#tooLong && signal?.aborted !== true) {
        this.#input.resume();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    if (signal?.aborted === true) return undefined;
    const line = this.#lines.shift();
    if (line === undefined && this.#tooLong) throw new ProtocolError(`A line has at most ${this.#maxLength} characters.`);
    return line;
  }

  #take(text: string): void {
    if (this.#tooLong) return;
    const parts = (this.#rest + text).split('\n');
    this.#rest = parts.pop() ?? '';
    for (const line of parts) this.#lines.push(line.endsWith('\r') ? line.slice(0, -1) : line);
    if (this.#rest.length > this.#maxLength) {
      this.#tooLong = true;
      this.#rest = '';
    }
    if (this.#lines.length > MAX_WAITING) this.#input.pause();
    this.#wake?.();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#rest !== '') this.#lines.push(this.#rest);
    this.#rest = '';
    this.#wake?.();
  }
}
