import { ProtocolError } from '../errors/wcs-error.ts';
import type { ByteCursor } from './byte-reader.ts';
import { limit, MAX_FILE_SAMPLES, MAX_SAMPLE_BYTES } from './media-file.ts';
import { boxAt, childBoxes, fullBox, requiredBox, type Mp4Box } from './mp4-reader-boxes.ts';
import type { MovieTrack } from './mp4-reader-tracks.ts';
import { ticksToUs } from './ticks.ts';

/** What holds for the samples of a track that say nothing themselves. */
interface Defaults {
  readonly descriptionIndex: number;
  readonly duration: number;
  readonly size: number;
  readonly flags: number;
}

const TFHD = { baseDataOffset: 0x01, descriptionIndex: 0x02, duration: 0x08, size: 0x10, flags: 0x20, baseIsMoof: 0x2_0000 } as const;
const TRUN = { dataOffset: 0x01, firstFlags: 0x04, duration: 0x100, size: 0x200, flags: 0x400, compositionOffset: 0x800 } as const;
const NON_SYNC = 0x1_0000;
const NO_DEFAULTS: Defaults = { descriptionIndex: 1, duration: 0, size: 0, flags: 0 };

/** Adds the samples of movie fragments to the tracks of a movie. @see ISO/IEC 14496-12 section 8.8 */
export class FragmentIndex {
  readonly #tracks: ReadonlyMap<number, MovieTrack>;
  readonly #defaults: ReadonlyMap<number, Defaults>;
  readonly #fileBytes: number;

  /** @param mvex of the movie, where it has one */
  constructor(tracks: readonly MovieTrack[], mvex: Uint8Array | undefined, fileBytes: number) {
    this.#tracks = new Map(tracks.map((track) => [track.id, track]));
    const boxes = mvex === undefined ? [] : childBoxes(mvex).filter(({ type }) => type === 'trex');
    this.#defaults = new Map(boxes.map(({ content }) => parseTrex(fullBox(content).cursor)));
    this.#fileBytes = fileBytes;
  }

  /** @param start byte of the file at which the `moof` begins. @throws ProtocolError */
  add(moof: Uint8Array, start: number): void {
    let previousEnd = start;
    for (const { type, content } of childBoxes(moof)) if (type === 'traf') previousEnd = this.#addTrack(childBoxes(content), start, previousEnd);
  }

  /** Answers where the data of this track ends, which is where that of the next one may begin. */
  #addTrack(traf: readonly Mp4Box[], moofStart: number, previousEnd: number): number {
    const { flags, cursor } = fullBox(requiredBox(traf, 'tfhd'));
    const id = cursor.u32();
    const track = this.#tracks.get(id);
    const common = this.#defaults.get(id) ?? NO_DEFAULTS;
    const isOfMoof = (flags & TFHD.baseIsMoof) !== 0;
    const base = (flags & TFHD.baseDataOffset) !== 0 ? cursor.u64() : isOfMoof ? moofStart : previousEnd;
    const field = (present: number, otherwise: number): number => ((flags & present) !== 0 ? cursor.u32() : otherwise);
    const defaults = {
      descriptionIndex: field(TFHD.descriptionIndex, common.descriptionIndex),
      duration: field(TFHD.duration, common.duration),
      size: field(TFHD.size, common.size),
      flags: field(TFHD.flags, common.flags),
    };
    if (track !== undefined && typeof track.entry !== 'string' && defaults.descriptionIndex !== track.descriptionIndex) {
      throw new ProtocolError('A track that changes its format within the file is not supported', moofStart);
    }
    const tfdt = boxAt(traf, 'tfdt');
    if (track !== undefined && tfdt !== undefined) {
      const time = fullBox(tfdt);
      track.nextDtsTicks = time.version === 1 ? time.cursor.u64() : time.cursor.u32();
    }
    let at = base;
    for (const { type, content } of traf) if (type === 'trun') at = this.#addRun(content, track, defaults, base, at);
    return at;
  }

  #addRun(trun: Uint8Array, track: MovieTrack | undefined, defaults: Defaults, base: number, previousEnd: number): number {
    const { flags, cursor } = fullBox(trun);
    const count = limit(cursor.u32(), MAX_FILE_SAMPLES, 'samples in one run');
    let at = (flags & TRUN.dataOffset) !== 0 ? base + cursor.i32() : previousEnd;
    if (at < 0) throw new ProtocolError('A run of samples in front of the file');
    const firstFlags = (flags & TRUN.firstFlags) !== 0 ? cursor.u32() : undefined;
    const field = (present: number, otherwise: number): number => ((flags & present) !== 0 ? cursor.u32() : otherwise);
    for (let index = 0; index < count; index += 1) {
      const duration = field(TRUN.duration, defaults.duration);
      const size = limit(field(TRUN.size, defaults.size), MAX_SAMPLE_BYTES, 'bytes in one sample');
      const own = field(TRUN.flags, defaults.flags);
      const sampleFlags = index === 0 ? (firstFlags ?? own) : own;
      const composition = field(TRUN.compositionOffset, 0) | 0;
      this.#addSample(track, { at, size, duration, composition, key: (sampleFlags & NON_SYNC) === 0 });
      at += size;
    }
    return at;
  }

  /** What a writer that broke off has announced and not written isn't there. */
  #addSample(track: MovieTrack | undefined, { at, size, duration, composition, key }: { at: number; size: number; duration: number; composition: number; key: boolean }): void {
    if (track === undefined || typeof track.entry === 'string') return;
    const { table, timescaleHz } = track;
    const dtsUs = Math.max(ticksToUs(track.nextDtsTicks, timescaleHz), table.count > 0 ? table.dtsUs(table.count - 1) : -Infinity);
    track.nextDtsTicks += duration;
    if (at + size > this.#fileBytes) return;
    table.push(at, size, dtsUs, ticksToUs(composition, timescaleHz), key);
    table.endUs = dtsUs + ticksToUs(duration, timescaleHz);
  }
}

function parseTrex(cursor: ByteCursor): readonly [id: number, Defaults] {
  const id = cursor.u32();
  return [id, { descriptionIndex: cursor.u32(), duration: cursor.u32(), size: cursor.u32(), flags: cursor.u32() }];
}
