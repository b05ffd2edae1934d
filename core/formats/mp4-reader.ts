import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteWindow, readExactly, type ByteSource } from './byte-source.ts';
import { chooseTracks, limit, type Candidate, type FileSample, type FileTrack, type MediaReader, type ReadBounds } from './media-file.ts';
import { boxAt, BOX_HEAD_BYTES, childBoxes, parseBoxHead, requiredBox } from './mp4-reader-boxes.ts';
import { FragmentIndex } from './mp4-reader-fragments.ts';
import { applyEdit, parseTrack, timed, type MovieTrack } from './mp4-reader-tracks.ts';
import { withBusLengths } from './nal.ts';
import type { SampleTable } from './sample-table.ts';

/** Bytes of a `moov`, and of one `moof`, at most. */
const MAX_MOOV_BYTES = 64 * 1024 * 1024;
const MAX_MOOF_BYTES = 4 * 1024 * 1024;
/** Boxes of the file itself, at most: two for each fragment. */
const MAX_TOP_BOXES = 200_000;
/** Enough for the head of a box and most fragments' index. */
const HEAD_WINDOW_BYTES = 4096;
/** Samples read in one step, at most. */
const MAX_STEP_SAMPLES = 4096;
/** Bytes between two samples that are read along rather than left out. */
const MAX_GAP_BYTES = 16 * 1024;
/** Bytes read in one go, at most, unless a single sample is longer. */
const MAX_RUN_BYTES = 4 * 1024 * 1024;

/** The index of a file: its tracks in order, and where their samples lie. Shared by all who play the file; never changes. */
export interface Mp4Index {
  readonly type: 'mp4';
  readonly tracks: readonly FileTrack[];
  readonly tables: readonly SampleTable[];
  readonly durationUs: number;
}

/** Reads the index of an MP4 file, plain or fragmented. @see ISO/IEC 14496-12 @throws ProtocolError, WcsError; see `indexMediaFile` */
export async function indexMp4(source: ByteSource): Promise<Mp4Index> {
  const movie = await readMovie(source);
  const candidates = movie.flatMap((track): Candidate<MovieTrack>[] => {
    if (typeof track.entry === 'string') return [{ kind: track.kind, unknownCodec: track.entry }];
    return track.table.count === 0 ? [] : [{ kind: track.kind, playable: track }];
  });
  const chosen = chooseTracks(candidates);
  for (const track of chosen) applyEdit(track);
  const durations = chosen.map(({ table, edit: { endUs = table.endUs } }) => endUs);
  return {
    type: 'mp4',
    tracks: chosen.flatMap(({ entry }) => (typeof entry === 'string' ? [] : [entry])),
    tables: chosen.map(({ table }) => table),
    durationUs: Math.max(0, ...durations),
  };
}

/** Walks the boxes of the file: each lies behind the one before, so that the walk ends however they lie. */
async function readMovie(source: ByteSource): Promise<readonly MovieTrack[]> {
  const window = new ByteWindow(source, HEAD_WINDOW_BYTES);
  let movie: { readonly tracks: readonly MovieTrack[]; readonly fragments: FragmentIndex } | undefined;
  let position = 0;
  for (let boxes = 0; source.size - position >= 8; boxes += 1) {
    limit(boxes, MAX_TOP_BOXES, 'boxes');
    const { type, headBytes, bytes = source.size - position } = parseBoxHead(await window.peek(position, BOX_HEAD_BYTES), position);
    const isCut = position + bytes > source.size;
    if (type === 'moov') {
      if (movie !== undefined) throw new ProtocolError('A second moov', position);
      limit(bytes, MAX_MOOV_BYTES, 'bytes of index');
      movie = parseMovie(await readExactly(source, position + headBytes, bytes - headBytes), source.size);
    } else if (type === 'moof' && movie !== undefined && !isCut) {
      limit(bytes, MAX_MOOF_BYTES, 'bytes of index in one fragment');
      movie.fragments.add(await window.take(position + headBytes, bytes - headBytes), position);
    }
    if (isCut) break;
    position += bytes;
  }
  if (movie === undefined) throw new ProtocolError('The file has no moov: it was not finished', position);
  return movie.tracks;
}

function parseMovie(moov: Uint8Array, fileBytes: number): { readonly tracks: readonly MovieTrack[]; readonly fragments: FragmentIndex } {
  const boxes = childBoxes(moov);
  const timescaleHz = timed(requiredBox(boxes, 'mvhd')).u32();
  if (timescaleHz === 0) throw new ProtocolError('A movie whose clock has no ticks');
  const tracks = boxes.filter(({ type }) => type === 'trak').flatMap(({ content }) => parseTrack(content, timescaleHz) ?? []);
  return { tracks, fragments: new FragmentIndex(tracks, boxAt(boxes, 'mvex'), fileBytes) };
}

/** A sample that is to be read. */
interface Pick {
  readonly track: number;
  readonly index: number;
  readonly offset: number;
  readonly size: number;
}

/** Reads the samples of an indexed file, all tracks together in order of decoding. */
export class Mp4Reader implements MediaReader {
  readonly index: Mp4Index;
  readonly #source: ByteSource;
  /** The next sample of each track. */
  #cursors: number[];

  constructor(source: ByteSource, index: Mp4Index) {
    this.#source = source;
    this.index = index;
    this.#cursors = index.tables.map(() => 0);
  }

  get tracks(): readonly FileTrack[] {
    return this.index.tracks;
  }

  get durationUs(): number {
    return this.index.durationUs;
  }

  async next(bounds: ReadBounds): Promise<readonly FileSample[]> {
    const cursors = [...this.#cursors];
    const picks = this.#choose(bounds, cursors);
    const samples = await this.#read(picks);
    this.#cursors = cursors;
    return samples;
  }

  seek(positionUs: number): Promise<number> {
    const [lead] = this.index.tables;
    if (lead === undefined) return Promise.resolve(0);
    let key = firstAtOrAfter(lead, positionUs + 1) - 1;
    while (key > 0 && !(lead.isKey(key) && lead.ptsUs(key) <= positionUs)) key -= 1;
    const startUs = lead.ptsUs(Math.max(0, key));
    this.#cursors = this.index.tables.map((table, track) => (track === 0 ? Math.max(0, key) : firstAtOrAfter(table, startUs)));
    return Promise.resolve(Math.max(0, startUs));
  }

  exportPosition(): readonly number[] {
    return [...this.#cursors];
  }

  restorePosition(position: unknown): void {
    // Written by `exportPosition` of a reader of the same file.
    this.#cursors = [...(position as readonly number[])];
  }

  /** The next samples by decoding time; moves the cursors over them. */
  #choose({ bytes, spanUs }: ReadBounds, cursors: number[]): Pick[] {
    const picks: Pick[] = [];
    let taken = 0;
    let untilUs = Infinity;
    while (taken < bytes && picks.length < MAX_STEP_SAMPLES) {
      const track = this.#earliest(cursors);
      const table = this.index.tables[track];
      const index = cursors[track] ?? 0;
      if (table === undefined || table.dtsUs(index) > untilUs) break;
      cursors[track] = index + 1;
      const size = table.size(index);
      if (size === 0) continue;
      if (picks.length === 0) untilUs = table.dtsUs(index) + spanUs;
      picks.push({ track, index, offset: table.offset(index), size });
      taken += size;
    }
    return picks;
  }

  /** The track whose next sample is decoded first; -1 at the end of all. */
  #earliest(cursors: readonly number[]): number {
    let earliest = -1;
    let earliestUs = Infinity;
    for (const [track, table] of this.index.tables.entries()) {
      const cursor = cursors[track] ?? 0;
      if (cursor >= table.count || table.dtsUs(cursor) >= earliestUs) continue;
      earliest = track;
      earliestUs = table.dtsUs(cursor);
    }
    return earliest;
  }

  /** Reads what lies close together in one go. */
  async #read(picks: readonly Pick[]): Promise<FileSample[]> {
    const byPlace = [...picks].sort((a, b) => a.offset - b.offset);
    const data = new Map<Pick, Uint8Array>();
    for (let from = 0; from < byPlace.length; ) {
      const start = byPlace[from]?.offset ?? 0;
      let end = start;
      let to = from;
      for (let pick = byPlace[to]; pick !== undefined && (to === from || belongs(pick, start, end)); pick = byPlace[to]) {
        end = Math.max(end, pick.offset + pick.size);
        to += 1;
      }
      const bytes = await readExactly(this.#source, start, end - start);
      for (const pick of byPlace.slice(from, to)) data.set(pick, bytes.subarray(pick.offset - start, pick.offset - start + pick.size));
      from = to;
    }
    return picks.map((pick) => this.#sample(pick, data.get(pick) ?? new Uint8Array(0)));
  }

  #sample({ track, index }: Pick, data: Uint8Array): FileSample {
    const table = this.index.tables[track];
    if (table === undefined) throw new RangeError(`No track ${track}`);
    const { lengthSize } = this.index.tracks[track] ?? {};
    return {
      track,
      ptsUs: table.ptsUs(index),
      dtsUs: table.dtsUs(index),
      durationUs: table.durationUs(index),
      key: table.isKey(index),
      data: lengthSize === undefined ? data : withBusLengths(data, lengthSize),
    };
  }
}

/** Whether a sample is read along with what lies before it. */
function belongs({ offset, size }: Pick, start: number, end: number): boolean {
  return offset <= end + MAX_GAP_BYTES && offset + size - start <= MAX_RUN_BYTES;
}

/** The first sample that is decoded at or after a time. */
function firstAtOrAfter(table: SampleTable, timeUs: number): number {
  let low = 0;
  let high = table.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (table.dtsUs(middle) < timeUs) low = middle + 1;
    else high = middle;
  }
  return low;
}
