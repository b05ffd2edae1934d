import { limit, MAX_FILE_SAMPLES, timeOf } from './media-file.ts';

const INITIAL_SAMPLES = 1024;
/** Largest distance of decoding and presentation that a file may have: what a 32-bit number of microseconds holds. */
const MAX_COMPOSITION_US = 0x7fff_ffff;

/** Where the samples of one track lie and when they are due, in order of decoding; 25 bytes a sample. */
export class SampleTable {
  #count = 0;
  #offsets = new Float64Array(INITIAL_SAMPLES);
  #sizes = new Uint32Array(INITIAL_SAMPLES);
  #dtsUs = new Float64Array(INITIAL_SAMPLES);
  #compositionUs = new Int32Array(INITIAL_SAMPLES);
  #keys = new Uint8Array(INITIAL_SAMPLES);
  /** Where the last sample ends, in decoding time. */
  endUs = 0;

  get count(): number {
    return this.#count;
  }

  /** @throws WcsError PROTOCOL_E_LIMIT beyond `MAX_FILE_SAMPLES`, ProtocolError for a time that nobody can mean */
  push(offset: number, size: number, dtsUs: number, compositionUs: number, key: boolean): void {
    const at = this.#count;
    if (at === this.#sizes.length) this.#grow();
    this.#offsets[at] = offset;
    this.#sizes[at] = size;
    this.#dtsUs[at] = timeOf(dtsUs);
    this.#compositionUs[at] = Math.max(-MAX_COMPOSITION_US, Math.min(compositionUs, MAX_COMPOSITION_US));
    this.#keys[at] = key ? 1 : 0;
    this.#count = at + 1;
  }

  /** Byte of the file at which a sample begins. */
  offset(index: number): number {
    return this.#offsets[index] ?? 0;
  }

  size(index: number): number {
    return this.#sizes[index] ?? 0;
  }

  dtsUs(index: number): number {
    return index < this.#count ? (this.#dtsUs[index] ?? 0) : this.endUs;
  }

  ptsUs(index: number): number {
    return this.dtsUs(index) + (this.#compositionUs[index] ?? 0);
  }

  durationUs(index: number): number {
    return Math.max(0, this.dtsUs(index + 1) - this.dtsUs(index));
  }

  isKey(index: number): boolean {
    return this.#keys[index] === 1;
  }

  setKeys(isKey: (index: number) => boolean): void {
    for (let index = 0; index < this.#count; index += 1) this.#keys[index] = isKey(index) ? 1 : 0;
  }

  /** Moves all times, and holds decoding times in front of presentation. */
  shift(byUs: number): void {
    timeOf(byUs);
    let earliestUs = 0;
    for (let index = 0; index < this.#count; index += 1) earliestUs = Math.min(earliestUs, this.#compositionUs[index] ?? 0);
    for (let index = 0; index < this.#count; index += 1) {
      this.#dtsUs[index] = (this.#dtsUs[index] ?? 0) + byUs + earliestUs;
      this.#compositionUs[index] = Math.min((this.#compositionUs[index] ?? 0) - earliestUs, MAX_COMPOSITION_US);
    }
    this.endUs += byUs + earliestUs;
  }

  /** Keeps the samples from `from` up to, not including, `to`. */
  cut(from: number, to: number): void {
    const endUs = this.dtsUs(to);
    this.#offsets = this.#offsets.slice(from, to);
    this.#sizes = this.#sizes.slice(from, to);
    this.#dtsUs = this.#dtsUs.slice(from, to);
    this.#compositionUs = this.#compositionUs.slice(from, to);
    this.#keys = this.#keys.slice(from, to);
    this.#count = Math.max(0, to - from);
    this.endUs = endUs;
  }

  #grow(): void {
    limit(this.#count + 1, MAX_FILE_SAMPLES, 'samples in one track');
    const length = this.#count * 2;
    this.#offsets = grown(this.#offsets, new Float64Array(length));
    this.#sizes = grown(this.#sizes, new Uint32Array(length));
    this.#dtsUs = grown(this.#dtsUs, new Float64Array(length));
    this.#compositionUs = grown(this.#compositionUs, new Int32Array(length));
    this.#keys = grown(this.#keys, new Uint8Array(length));
  }
}

function grown<T extends Float64Array | Uint32Array | Int32Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
