import { ProtocolError } from '../errors/wcs-error.ts';
import type { ByteCursor } from './byte-reader.ts';
import { limit, MAX_FILE_SAMPLES, MAX_SAMPLE_BYTES, type FileTrack } from './media-file.ts';
import { boxAt, fullBox, requiredBox, type Mp4Box } from './mp4-reader-boxes.ts';
import type { SampleTable } from './sample-table.ts';
import { ticksToUs } from './ticks.ts';

/** What the tables are read for, and into. */
export interface TableWish {
  readonly table: SampleTable;
  readonly timescaleHz: number;
  readonly track: FileTrack;
  readonly descriptionIndex: number;
}

/** Sound whose samples are single values is joined to frames of this length. */
const JOINED_FRAMES_A_SECOND = 50;
/** A time to the next sample beyond this is a negative one of a broken writer. */
const MAX_DELTA_TICKS = 0x7fff_ffff;

/**
 * Adds the samples of an unfragmented track. Every loop is bounded by `MAX_FILE_SAMPLES` and by the length of its table.
 *
 * @returns decoding time behind the last sample, in ticks
 * @see ISO/IEC 14496-12 section 8.6 and 8.7
 * @throws ProtocolError
 */
export function readSampleTables(stbl: readonly Mp4Box[], wish: TableWish): number {
  const { table, timescaleHz, track } = wish;
  const sizes = sampleSizes(stbl);
  const deltas = new Runs(boxAt(stbl, 'stts'));
  const offsets = new Runs(boxAt(stbl, 'ctts'));
  const isPcm = track.codec === 'pcma' || track.codec === 'pcmu';
  const joined = isPcm ? Math.max(1, Math.floor((track.sampleRateHz ?? timescaleHz) / JOINED_FRAMES_A_SECOND)) : 1;
  let ticks = 0;
  let sample = 0;
  for (const { offset, samples } of chunks(stbl, wish.descriptionIndex)) {
    let at = offset;
    for (let inChunk = 0; inChunk < samples && sample < sizes.count; ) {
      const count = Math.min(joined, samples - inChunk, sizes.count - sample);
      const size = isPcm ? count * (track.channels ?? 1) : sizes.next();
      limit(size, MAX_SAMPLE_BYTES, 'bytes in one sample');
      table.push(at, size, ticksToUs(ticks, timescaleHz), ticksToUs(offsets.next() | 0, timescaleHz), true);
      const delta = deltas.next();
      ticks += (delta > MAX_DELTA_TICKS ? 0 : delta) * count;
      at += size;
      inChunk += count;
      sample += count;
    }
  }
  table.endUs = ticksToUs(ticks, timescaleHz);
  markKeys(boxAt(stbl, 'stss'), table);
  return ticks;
}

interface SampleSizes {
  readonly count: number;
  next(): number;
}

function sampleSizes(stbl: readonly Mp4Box[]): SampleSizes {
  const stsz = boxAt(stbl, 'stsz');
  if (stsz === undefined) return compactSizes(requiredBox(stbl, 'stz2'));
  const { cursor } = fullBox(stsz);
  const constant = cursor.u32();
  const count = cursor.u32();
  if (constant > 0) return { count, next: () => constant };
  return { count: Math.min(count, Math.floor(cursor.remaining / 4)), next: () => cursor.u32() };
}

/** @see ISO/IEC 14496-12 section 8.7.3.3 */
function compactSizes(stz2: Uint8Array): SampleSizes {
  const { cursor } = fullBox(stz2);
  cursor.skip(3);
  const bits = cursor.u8();
  const count = cursor.u32();
  if (bits === 16) return { count: Math.min(count, Math.floor(cursor.remaining / 2)), next: () => cursor.u16() };
  if (bits === 8) return { count: Math.min(count, cursor.remaining), next: () => cursor.u8() };
  if (bits !== 4) throw new ProtocolError(`Sample sizes of ${bits} bits`);
  let held: number | undefined;
  const next = (): number => {
    if (held !== undefined) {
      const low = held & 0x0f;
      held = undefined;
      return low;
    }
    held = cursor.u8();
    return held >> 4;
  };
  return { count: Math.min(count, cursor.remaining * 2), next };
}

/** A table of runs: so many samples of one value. */
class Runs {
  readonly #cursor: ByteCursor | undefined;
  #runs = 0;
  #left = 0;
  #value = 0;

  /** @param content of the box; a table that isn't there gives 0 for ever */
  constructor(content: Uint8Array | undefined) {
    this.#cursor = content === undefined ? undefined : fullBox(content).cursor;
    this.#runs = this.#cursor?.u32() ?? 0;
  }

  /** The next sample's value; behind the table's end the last one. */
  next(): number {
    while (this.#left === 0 && this.#runs > 0 && this.#cursor !== undefined) {
      this.#left = this.#cursor.u32();
      this.#value = this.#cursor.u32();
      this.#runs -= 1;
    }
    if (this.#left > 0) this.#left -= 1;
    return this.#value;
  }
}

/** The chunks of a track in order. */
function* chunks(stbl: readonly Mp4Box[], descriptionIndex: number): Generator<{ readonly offset: number; readonly samples: number }> {
  const large = boxAt(stbl, 'co64');
  const { cursor } = fullBox(large ?? requiredBox(stbl, 'stco'));
  const count = limit(cursor.u32(), MAX_FILE_SAMPLES, 'chunks in one track');
  const map = fullBox(requiredBox(stbl, 'stsc')).cursor;
  let runs = map.u32();
  let nextFirst = runs > 0 ? map.u32() : Infinity;
  let samples = 0;
  for (let chunk = 1; chunk <= count; chunk += 1) {
    while (chunk >= nextFirst && runs > 0) {
      samples = map.u32();
      if (map.u32() !== descriptionIndex) throw new ProtocolError('A track that changes its format within the file is not supported');
      runs -= 1;
      nextFirst = runs > 0 ? map.u32() : Infinity;
    }
    yield { offset: large === undefined ? cursor.u32() : cursor.u64(), samples };
  }
}

/** Without a table every sample is a key frame. */
function markKeys(stss: Uint8Array | undefined, table: SampleTable): void {
  if (stss === undefined) return;
  const { cursor } = fullBox(stss);
  const keys = new Uint8Array(table.count);
  for (let left = cursor.u32(); left > 0; left -= 1) {
    const at = cursor.u32() - 1;
    if (at >= 0 && at < keys.length) keys[at] = 1;
  }
  table.setKeys((index) => keys[index] === 1);
}
