import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteWindow, type ByteSource } from './byte-source.ts';
import { audioFrameTicks } from './audio-duration.ts';
import { chooseTracks, MAX_SAMPLE_BYTES, limit, timeOf, type Candidate, type FileSample, type FileTrack, type MediaReader, type ReadBounds } from './media-file.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { framesOf, parseBlockHead, type BlockHead } from './matroska-reader-blocks.ts';
import { childElements, contentOf, unsigned } from './matroska-reader-ebml.ts';
import { headAt, readHead, type MatroskaHead } from './matroska-reader-head.ts';
import { seekCluster, type SeekPlace } from './matroska-reader-seek.ts';
import { SampleTimes, type SampleTimesState } from './matroska-reader-times.ts';
import { describedByFrame, isDescribedByFrame, type MatroskaTrack } from './matroska-reader-tracks.ts';
import { withBusLengths } from './nal.ts';

const US_PER_SECOND = 1_000_000;
const WINDOW_BYTES = 256 * 1024;
/** Elements in a row without a frame of a chosen track, at most: a file may be made of nothing but padding. */
const MAX_IDLE_ELEMENTS = 100_000;
/** How much is read to find the first key frame of a track whose configuration is told by it. */
const MAX_PROBE_BYTES = 8 * 1024 * 1024;
const PROBE_STEP = { bytes: 64 * 1024, spanUs: 1_000_000 };

/** A chosen track. */
export interface ChosenTrack extends MatroskaTrack {
  readonly entry: FileTrack;
}

/** What all who play a file share: what it tells before its first cluster. */
export interface MatroskaIndex {
  readonly type: 'matroska';
  readonly head: MatroskaHead;
  readonly chosen: readonly ChosenTrack[];
}

/** Reads the head of a Matroska or WebM file. @throws ProtocolError, WcsError; see `indexMediaFile` */
export async function indexMatroska(source: ByteSource): Promise<MatroskaIndex> {
  const head = await readHead(source, new ByteWindow(source, WINDOW_BYTES));
  const candidates = head.tracks.map((track): Candidate<ChosenTrack> => {
    const { entry, kind } = track;
    return typeof entry === 'string' ? { kind, unknownCodec: entry } : { kind, playable: { ...track, entry } };
  });
  const chosen = chooseTracks(candidates);
  if (chosen.some(({ entry }) => isDescribedByFrame(entry))) await describe(source, head, chosen);
  return { type: 'matroska', head, chosen };
}

/** Completes the tracks by their first key frames. */
async function describe(source: ByteSource, head: MatroskaHead, chosen: ChosenTrack[]): Promise<void> {
  const reader = new MatroskaReader(source, { type: 'matroska', head, chosen: [...chosen] });
  for (let read = 0; read < MAX_PROBE_BYTES; ) {
    const samples = await reader.next(PROBE_STEP);
    for (const { track, key, data } of samples) {
      const known = chosen[track];
      if (known === undefined || !key || !isDescribedByFrame(known.entry)) continue;
      chosen[track] = { ...known, entry: describedByFrame(known.entry, data) };
    }
    if (!chosen.some(({ entry }) => isDescribedByFrame(entry))) return;
    if (samples.length === 0) break;
    for (const { data } of samples) read += data.length;
  }
  throw new ProtocolError('The file begins without a key frame');
}

/** Plain data of a reader's place. */
interface Position {
  readonly place: SeekPlace;
  readonly fromUs: number;
  readonly times: readonly SampleTimesState[];
}

/** Reads a file in the order in which it was written; holds no index, whatever the file's length. @see RFC 9559 */
export class MatroskaReader implements MediaReader {
  readonly tracks: readonly FileTrack[];
  readonly #source: ByteSource;
  readonly #window: ByteWindow;
  readonly #head: MatroskaHead;
  readonly #chosen: readonly ChosenTrack[];
  #place: SeekPlace;
  /** What is presented earlier was skipped by a seek. */
  #fromUs = -Infinity;
  #times: readonly SampleTimes[];

  constructor(source: ByteSource, { head, chosen }: MatroskaIndex) {
    this.#source = source;
    this.#window = new ByteWindow(source, WINDOW_BYTES);
    this.#head = head;
    this.#chosen = chosen;
    this.tracks = chosen.map(({ entry }) => entry);
    this.#place = { position: head.firstCluster, clusterTicks: 0 };
    this.#times = this.#newTimes();
  }

  get durationUs(): number | undefined {
    return this.#head.durationUs;
  }

  async next({ bytes, spanUs }: ReadBounds): Promise<readonly FileSample[]> {
    const samples: FileSample[] = [];
    let taken = 0;
    let untilUs = Infinity;
    for (let idle = 0; taken < bytes && idle < MAX_IDLE_ELEMENTS; idle += 1) {
      const { position } = this.#place;
      if (position + 2 > this.#source.size) return samples;
      const before = samples.length;
      await this.#element(samples);
      const added = samples.slice(before);
      for (const { data, dtsUs } of added) {
        taken += data.length;
        untilUs = Math.min(untilUs, dtsUs + spanUs);
        idle = 0;
      }
      if (added.some(({ dtsUs }) => dtsUs >= untilUs)) return samples;
    }
    if (samples.length === 0) throw new ProtocolError(`${MAX_IDLE_ELEMENTS} elements without a frame`, this.#place.position);
    return samples;
  }

  async seek(positionUs: number): Promise<number> {
    const [lead] = this.#chosen;
    if (lead === undefined) return 0;
    const { place, timeUs } = await seekCluster(this.#source, this.#head, lead, positionUs);
    this.#place = place;
    this.#fromUs = timeUs;
    this.#times = this.#newTimes();
    return Math.max(0, timeUs);
  }

  exportPosition(): Position {
    return { place: { ...this.#place }, fromUs: this.#fromUs, times: this.#times.map((times) => times.exportState()) };
  }

  restorePosition(position: unknown): void {
    // Written by `exportPosition` of a reader of the same file.
    const { place, fromUs, times } = position as Position;
    this.#place = place;
    this.#fromUs = fromUs;
    this.#times = this.#newTimes(times);
  }

  /** Takes the next element and adds the frames in it. */
  async #element(samples: FileSample[]): Promise<void> {
    const { position, clusterTicks } = this.#place;
    const { id, headBytes, bytes } = await headAt(this.#window, position);
    const start = position + headBytes;
    if (id === MATROSKA_ID.cluster) return void (this.#place = { position: start, clusterTicks: 0 });
    if (bytes === undefined) throw new ProtocolError('An element of unknown size that is no cluster', position);
    let ticks = clusterTicks;
    if (id === MATROSKA_ID.timestamp) ticks = unsigned(await this.#window.take(start, limit(bytes, 8, 'bytes in a time')));
    else if (id === MATROSKA_ID.simpleBlock || id === MATROSKA_ID.blockGroup) {
      limit(bytes, MAX_SAMPLE_BYTES, 'bytes in one block');
      const content = await this.#window.take(start, bytes);
      if (id === MATROSKA_ID.simpleBlock) this.#block(content, parseBlockHead(content), samples);
      else this.#group(content, samples);
    }
    this.#place = { position: start + bytes, clusterTicks: ticks };
  }

  /** @see RFC 9559 section 5.1.3.5 */
  #group(content: Uint8Array, samples: FileSample[]): void {
    const elements = childElements(content);
    const block = contentOf(elements, MATROSKA_ID.block);
    if (block === undefined) return;
    const duration = contentOf(elements, MATROSKA_ID.blockDuration);
    const key = contentOf(elements, MATROSKA_ID.referenceBlock) === undefined;
    this.#block(block, { ...parseBlockHead(block), key }, samples, duration === undefined ? undefined : unsigned(duration) * this.#head.tickUs);
  }

  #block(block: Uint8Array, head: BlockHead, samples: FileSample[], blockUs?: number): void {
    const index = this.#chosen.findIndex(({ number }) => number === head.trackNumber);
    const [track, times] = [this.#chosen[index], this.#times[index]];
    if (track === undefined || times === undefined) return;
    const frames = framesOf(block, head);
    const startUs = (this.#place.clusterTicks + head.ticks) * this.#head.tickUs - track.codecDelayNs / 1000;
    let offsetUs = 0;
    for (const frame of frames) {
      const data = completeFrame(track, frame);
      const ptsUs = timeOf(Math.round(startUs + offsetUs));
      const durationUs = timeOf(Math.round(blockUs === undefined ? ownDurationUs(track, data) : blockUs / frames.length));
      offsetUs += durationUs;
      if (data.length === 0 || ptsUs < this.#fromUs) continue;
      samples.push({ track: index, ...times.next(ptsUs), durationUs, key: head.key || track.kind === 'audio', data });
    }
  }

  #newTimes(states: readonly SampleTimesState[] = []): SampleTimes[] {
    return this.#chosen.map(({ entry, defaultDurationNs }, index) => new SampleTimes(entry, defaultDurationNs / 1000, states[index]));
  }
}

function ownDurationUs({ entry, defaultDurationNs }: ChosenTrack, frame: Uint8Array): number {
  return defaultDurationNs > 0 ? defaultDurationNs / 1000 : (audioFrameTicks(entry, US_PER_SECOND)(frame) ?? 0);
}

function completeFrame({ strippedHead, entry: { lengthSize } }: ChosenTrack, frame: Uint8Array): Uint8Array {
  const whole = strippedHead.length === 0 ? frame : Uint8Array.from([...strippedHead, ...frame]);
  return lengthSize === undefined ? whole : withBusLengths(whole, lengthSize);
}
