import { ProtocolError } from '../errors/wcs-error.ts';

/** How many bytes the length before each NAL unit of a sample takes. */
export type NalLengthSize = 1 | 2 | 3 | 4;

/** The length size that every sample on the media bus has. */
export const BUS_LENGTH_SIZE: NalLengthSize = 4;

const START_CODE_BYTES = 4;

/**
 * Walks the NAL units of a sample in place. After `next()` gave true, the unit lies in `bytes` from `start` to `end`
 * (exclusive), never empty. One cursor serves any number of samples through `reset`, so a walk allocates nothing.
 */
export interface NalCursor {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** Moves to the next unit. */
  next(): boolean;
}

/** Walks length-prefixed units; a length past the end throws a `ProtocolError`. @see ISO/IEC 14496-15 section 5.3.2 */
export class LengthPrefixedCursor implements NalCursor {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  readonly lengthSize: NalLengthSize;

  constructor(sample: Uint8Array, lengthSize: NalLengthSize = BUS_LENGTH_SIZE) {
    this.bytes = sample;
    this.lengthSize = lengthSize;
  }

  /** Begins anew with `sample`. */
  reset(sample: Uint8Array): void {
    this.bytes = sample;
    this.start = 0;
    this.end = 0;
  }

  next(): boolean {
    while (this.end < this.bytes.length) {
      this.start = this.end + this.lengthSize;
      this.end = nalEnd(this.bytes, this.end, this.lengthSize);
      if (this.end > this.start) return true;
    }
    return false;
  }
}

/** Walks a byte stream of start codes and units; bytes before the first start code are passed over. @see ITU-T H.264 annex B */
export class AnnexBCursor implements NalCursor {
  bytes: Uint8Array;
  start = 0;
  end = 0;
  #next = 0;

  constructor(stream: Uint8Array) {
    this.bytes = stream;
    this.reset(stream);
  }

  /** Begins anew with `stream`. */
  reset(stream: Uint8Array): void {
    this.bytes = stream;
    this.start = 0;
    this.end = 0;
    this.#next = afterStartCode(stream, 0);
  }

  next(): boolean {
    while (this.#next >= 0) {
      this.start = this.#next;
      this.#next = afterStartCode(this.bytes, this.start);
      let end = this.#next < 0 ? this.bytes.length : this.#next - 3;
      while (end > this.start && this.bytes[end - 1] === 0) end--;
      this.end = end;
      if (end > this.start) return true;
    }
    return false;
  }
}

/** End of the NAL unit whose length field begins at `at`, or a `ProtocolError` if it lies past the end of `sample`. */
export function nalEnd(sample: Uint8Array, at: number, lengthSize: NalLengthSize): number {
  let length = 0;
  for (let i = 0; i < lengthSize; i++) length = length * 256 + (sample[at + i] ?? 0);
  const end = at + lengthSize + length;
  if (end > sample.length) throw new ProtocolError(`A NAL unit of ${length} bytes passes the end of its sample`, at);
  return end;
}

/** Length-prefixes (4 bytes) every NAL unit of a byte stream, in one new array. */
export function annexBToLengthPrefixed(stream: Uint8Array): Uint8Array {
  const cursor = new AnnexBCursor(stream);
  let size = 0;
  while (cursor.next()) size += BUS_LENGTH_SIZE + cursor.end - cursor.start;
  const sample = new Uint8Array(size);
  cursor.reset(stream);
  let at = 0;
  while (cursor.next()) at = putPrefixed(sample, at, stream, cursor.start, cursor.end);
  return sample;
}

/** Length-prefixes (4 bytes) and joins whole NAL units. */
export function joinNals(nals: readonly Uint8Array[]): Uint8Array {
  const sample = new Uint8Array(nals.reduce((size, nal) => size + BUS_LENGTH_SIZE + nal.length, 0));
  let at = 0;
  for (const nal of nals) at = putPrefixed(sample, at, nal, 0, nal.length);
  return sample;
}

/** The sample as the bus carries it: with lengths of four bytes. The same array where it has them already. @throws ProtocolError */
export function withBusLengths(sample: Uint8Array, lengthSize: NalLengthSize): Uint8Array {
  return lengthSize === BUS_LENGTH_SIZE ? sample : joinNals(listNals(new LengthPrefixedCursor(sample, lengthSize)));
}

/** Views of every NAL unit, for set-up code; hot paths walk the cursor. */
export function listNals(cursor: NalCursor): Uint8Array[] {
  const nals: Uint8Array[] = [];
  while (cursor.next()) nals.push(cursor.bytes.subarray(cursor.start, cursor.end));
  return nals;
}

/** What to add when a sample becomes a byte stream. */
export interface AnnexBOptions {
  /** Length size of the sample; 4 if not given. */
  readonly lengthSize?: NalLengthSize;
  /** Whole NAL units to put before the picture, as before each key frame of an MPEG-TS stream. */
  readonly parameterSets?: readonly Uint8Array[];
  /** False leaves delimiters as they are; else exactly one goes first, as MPEG-TS requires (ISO/IEC 13818-1 section 2.14). */
  readonly accessUnitDelimiter?: boolean;
}

/** Turns a length-prefixed sample into a byte stream, with the codec's delimiter and parameter sets as the options say. */
export function accessUnitToAnnexB(
  sample: Uint8Array,
  { lengthSize = BUS_LENGTH_SIZE, parameterSets = [], accessUnitDelimiter = true }: AnnexBOptions,
  delimiter: Uint8Array,
  isDelimiter: (firstByte: number) => boolean,
): Uint8Array {
  if (!accessUnitDelimiter) return toAnnexB(sample, lengthSize, parameterSets, () => false);
  return toAnnexB(sample, lengthSize, [delimiter, ...parameterSets], isDelimiter);
}

/**
 * Turns a length-prefixed sample into a byte stream with 4-byte start codes, in one new array. `head` (whole units, such as a
 * delimiter and parameter sets) goes first; units for which `drop` gives true for their first byte are left out.
 */
function toAnnexB(
  sample: Uint8Array,
  lengthSize: NalLengthSize,
  head: readonly Uint8Array[],
  drop: (firstByte: number) => boolean,
): Uint8Array {
  let size = 0;
  for (const nal of head) size += START_CODE_BYTES + nal.length;
  const cursor = new LengthPrefixedCursor(sample, lengthSize);
  while (cursor.next()) if (!drop(sample[cursor.start] ?? 0)) size += START_CODE_BYTES + cursor.end - cursor.start;
  const stream = new Uint8Array(size);
  let at = 0;
  for (const nal of head) at = putStarted(stream, at, nal, 0, nal.length);
  cursor.reset(sample);
  while (cursor.next()) if (!drop(sample[cursor.start] ?? 0)) at = putStarted(stream, at, sample, cursor.start, cursor.end);
  return stream;
}

function putPrefixed(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  target[at] = length >>> 24;
  target[at + 1] = length >>> 16;
  target[at + 2] = length >>> 8;
  target[at + 3] = length;
  target.set(source.subarray(start, end), at + BUS_LENGTH_SIZE);
  return at + BUS_LENGTH_SIZE + length;
}

function putStarted(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  target[at + 3] = 1;
  target.set(source.subarray(start, end), at + START_CODE_BYTES);
  return at + START_CODE_BYTES + end - start;
}

function afterStartCode(stream: Uint8Array, from: number): number {
  let at = stream.indexOf(1, from + 2);
  while (at >= 0 && !(stream[at - 1] === 0 && stream[at - 2] === 0)) at = stream.indexOf(1, at + 1);
  return at < 0 ? -1 : at + 1;
}
