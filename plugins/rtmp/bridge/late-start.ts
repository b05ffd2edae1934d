import type { MediaFrame } from 'wcs-core';
import type { ByteSink } from '../wire/chunk-writer.ts';

const INITIAL_BYTES = 64 * 1024;

/**
 * What late joiners get first, as bytes: headers and the cached pictures. Grows with the group of pictures, so that a
 * crowd that joins within one group shares one piece of memory; what was handed out is never written again.
 */
export class LateStart implements ByteSink {
  readonly #serialise: (frame: MediaFrame, out: ByteSink) => void;
  #buffer = Buffer.alloc(0);
  #length = 0;
  #first: MediaFrame | undefined;
  #frames = 0;

  /** @param serialise appends the bytes of one frame */
  constructor(serialise: (frame: MediaFrame, out: ByteSink) => void) {
    this.#serialise = serialise;
  }

  /**
   * The bytes of these frames behind the headers.
   *
   * @param frames the cached group; it only grows at its end until it is another one, with another first frame
   * @param headers makes what goes before the first frame
   */
  bytes(frames: readonly MediaFrame[], headers: () => Uint8Array): Uint8Array {
    if (this.#first === undefined || frames[0] !== this.#first || frames.length < this.#frames) {
      this.clear();
      this.#first = frames[0];
      this.put(headers());
    }
    for (let index = this.#frames; index < frames.length; index += 1) {
      const frame = frames[index];
      if (frame !== undefined) this.#serialise(frame, this);
    }
    this.#frames = frames.length;
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets the group, for instance because the headers have changed. */
  clear(): void {
    this.#buffer = Buffer.alloc(0);
    this.#length = 0;
    this.#first = undefined;
    this.#frames = 0;
  }

  put(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#buffer.length) {
      const bigger = Buffer.allocUnsafeSlow(Math.max(INITIAL_BYTES, (this.#length + bytes.length) * 2));
      this.#buffer.copy(bigger, 0, 0, this.#length);
      this.#buffer = bigger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }
}
