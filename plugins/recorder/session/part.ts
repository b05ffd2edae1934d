import type { Container, ContainerState, PartFrame } from '../wire/container.ts';
import { openContainer } from '../wire/open-container.ts';

/** Where a part's bytes go. Calls never block; what the disk refuses comes back as the end of the recording. */
export interface PartOutput {
  /** Bytes appended so far. */
  readonly bytes: number;
  /** Takes one whole piece, as runs of bytes that follow each other. */
  append(piece: readonly Uint8Array[]): void;
  /** Replaces the file's beginning. */
  replaceHead(head: Uint8Array): void;
}

/** When a piece is written. */
export interface PieceLimits {
  /** What a piece lasts: what a crash costs at most. */
  readonly pieceUs: number;
  /** The size that it has at most, give or take a frame. */
  readonly pieceBytes: number;
}

/** Plain data of a `Part`. */
export interface PartState {
  readonly container: ContainerState;
  readonly frames: readonly PartFrame[];
  readonly endUs: number;
}

/** One file in the making: collects frames and hands them on as whole pieces. */
export class Part {
  readonly container: Container;
  readonly #output: PartOutput;
  readonly #limits: PieceLimits;
  #frames: PartFrame[];
  #frameBytes: number;
  #endUs: number;

  /** Begins a file with the container's head, or goes on with one. */
  constructor(output: PartOutput, limits: PieceLimits, from: Container | PartState) {
    this.#output = output;
    this.#limits = limits;
    const isNew = 'encode' in from;
    this.container = isNew ? from : openContainer(from.container);
    this.#frames = isNew ? [] : [...from.frames];
    this.#frameBytes = this.#frames.reduce((sum, { data }) => sum + data.length, 0);
    this.#endUs = isNew ? 0 : from.endUs;
    if (!isNew) return;
    const head = this.container.head();
    if (head.length > 0) output.append([head]);
  }

  /** Time up to which the file has media, in microseconds from its beginning. */
  get endUs(): number {
    return this.#endUs;
  }

  /** What the file has and is about to have. */
  get bytes(): number {
    return this.#output.bytes + this.#frameBytes;
  }

  push(frame: PartFrame): void {
    const [first] = this.#frames;
    if (first !== undefined && this.#isComplete(frame.dtsUs - first.dtsUs, frame)) this.cut();
    this.#frames.push(frame);
    this.#frameBytes += frame.data.length;
    this.#endUs = Math.max(this.#endUs, frame.ptsUs + frame.durationUs);
  }

  /** Writes what is collected. */
  cut(): void {
    if (this.#frames.length === 0) return;
    const piece = this.container.encode(this.#frames, this.#output.bytes);
    this.#frames = [];
    this.#frameBytes = 0;
    this.#output.append(piece);
  }

  /** Writes the rest, and what a complete file has besides. */
  close(): void {
    this.cut();
    const closing = this.container.close(this.#output.bytes, this.#endUs);
    if (closing === undefined) return;
    if (closing.tail.length > 0) this.#output.append([closing.tail]);
    this.#output.replaceHead(closing.head);
  }

  exportState(): PartState {
    return { container: this.container.exportState(), frames: [...this.#frames], endUs: this.#endUs };
  }

  /** Pieces begin with key frames where these come in time. */
  #isComplete(elapsedUs: number, next: PartFrame): boolean {
    const { pieceUs, pieceBytes } = this.#limits;
    return elapsedUs >= pieceUs || this.#frameBytes >= pieceBytes || (next.key && next.kind === 'video' && elapsedUs >= pieceUs / 2);
  }
}
