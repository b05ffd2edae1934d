import { spawn, type ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { ExecutionContext } from 'ava';
import { toneShare } from './tones.ts';

const SAMPLE_RATE_HZ = 8000;
/** What is listened to: the last part of what was heard. */
const WINDOW_SAMPLES = 0.4 * SAMPLE_RATE_HZ;
/** Players begin with less than they would look at by default. */
const QUICK_START = ['-fflags', 'nobuffer', '-analyzeduration', '1000000', '-probesize', '200000'];

/** A player (ffmpeg) of a stream, which tells at any time what is seen and heard now. Ends with the test. */
export class StreamWatcher {
  readonly #width: number;
  readonly #height: number;
  readonly #process: ChildProcess;
  #picture = Buffer.alloc(0);
  #rest = Buffer.alloc(0);
  #samples = new Int16Array(0);
  /** What the player complained of. */
  stderr = '';
  /** Pictures so far. */
  pictures = 0;

  constructor(t: ExecutionContext, url: string, { width, height }: { readonly width: number; readonly height: number }) {
    this.#width = width;
    this.#height = height;
    const pictures = ['-map', '0:v', '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'];
    const sound = ['-map', '0:a', '-f', 's16le', '-ac', '1', '-ar', String(SAMPLE_RATE_HZ), '-flush_packets', '1', 'pipe:3'];
    this.#process = spawn('ffmpeg', ['-nostdin', '-v', 'error', ...QUICK_START, '-rtmp_live', 'live', '-i', url, ...pictures, ...sound], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    this.#process.stdout?.on('data', (chunk: Buffer) => this.#see(chunk));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    (this.#process.stdio[3] as Readable).on('data', (chunk: Buffer) => this.#hear(chunk));
    t.teardown(() => this.close());
  }

  /** Red, green and blue of the last picture at a place, in shares of the picture; undefined before the first. */
  at(x: number, y: number): readonly [number, number, number] | undefined {
    if (this.#picture.length === 0) return undefined;
    const pixel = (Math.round(y * (this.#height - 1)) * this.#width + Math.round(x * (this.#width - 1))) * 3;
    const [red = 0, green = 0, blue = 0] = this.#picture.subarray(pixel, pixel + 3);
    return [red, green, blue];
  }

  /** Share of a tone in the last 0.4 s; 0 before there was as much sound. */
  tone(frequencyHz: number): number {
    return this.#samples.length < WINDOW_SAMPLES ? 0 : toneShare(this.#samples, SAMPLE_RATE_HZ, frequencyHz);
  }

  close(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
  }

  #see(chunk: Buffer): void {
    const size = this.#width * this.#height * 3;
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= size) {
      this.#picture = bytes.subarray(0, size);
      this.pictures += 1;
      bytes = bytes.subarray(size);
    }
    this.#rest = bytes;
  }

  #hear(chunk: Buffer): void {
    const samples = new Int16Array(this.#samples.length + (chunk.length >> 1));
    samples.set(this.#samples);
    // An odd byte would shift all that follows; pipes of ffmpeg carry whole samples.
    for (let index = this.#samples.length, at = 0; at + 1 < chunk.length; index += 1, at += 2) samples[index] = chunk.readInt16LE(at);
    this.#samples = samples.slice(-WINDOW_SAMPLES);
  }
}
