import type { TrackDescriptor } from 'wcs-core';
import {
  CLUSTER_SPAN_TICKS, encodeCluster, encodeCues, encodeMatroskaHead, isMatroskaCodec,
  type MatroskaBlock, type MatroskaCue, type MatroskaHead, type MatroskaTrack,
} from 'wcs-core/formats/matroska';
import type { Closing, Container, ContainerState, PartFrame, PartTrack } from './container.ts';

/** Least distance of two entries of the index. */
const CUE_INTERVAL_MS = 2000;
/** Room for what a complete file says besides: the index's place, the duration, and an element that fills up. */
const CLOSING_ROOM_BYTES = 64;

/** What a Matroska file remembers. */
interface MatroskaMemory {
  readonly cues: readonly MatroskaCue[];
}

/** Matroska or WebM: a head, a cluster for each piece, and at the end an index. @see RFC 9559 */
export class MatroskaContainer implements Container {
  readonly type: 'mkv' | 'webm';
  readonly #headBytes: number;
  readonly #cues: MatroskaCue[];
  #tracks: readonly PartTrack[];

  constructor(type: 'mkv' | 'webm', { tracks, headBytes, memory }: Omit<ContainerState, 'type'>) {
    this.type = type;
    this.#tracks = tracks;
    this.#cues = [...((memory ?? { cues: [] }) as MatroskaMemory).cues];
    this.#headBytes = headBytes === 0 ? this.#encodeHead({}).length + CLOSING_ROOM_BYTES : headBytes;
  }

  get tracks(): readonly PartTrack[] {
    return this.#tracks;
  }

  head(): Uint8Array {
    return this.#encodeHead({ headBytes: this.#headBytes });
  }

  addTrack(track: PartTrack): void {
    const before = this.#tracks;
    this.#tracks = [...before, track];
    try {
      // A complete head is the largest one there will be.
      this.#encodeHead({ headBytes: this.#headBytes - CLOSING_ROOM_BYTES });
    } catch (error) {
      this.#tracks = before;
      throw error;
    }
  }

  encode(frames: readonly PartFrame[], at: number): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let offset = at;
    for (const blocks of withinSpan(frames.map(blockOf))) {
      this.#index(blocks, offset);
      const cluster = encodeCluster(blocks);
      for (const { length } of cluster) offset += length;
      pieces.push(...cluster);
    }
    return pieces;
  }

  close(fileBytes: number, durationUs: number): Closing {
    const tail = this.#cues.length === 0 ? new Uint8Array() : encodeCues(this.#cues, this.#docType);
    const closing = { durationMs: durationUs / 1000, fileBytes: fileBytes + tail.length, cuesAt: tail.length === 0 ? undefined : fileBytes };
    return { tail, head: this.#encodeHead({ headBytes: this.#headBytes, closing }) };
  }

  exportState(): ContainerState {
    const memory: MatroskaMemory = { cues: [...this.#cues] };
    return { type: this.type, tracks: this.#tracks, headBytes: this.#headBytes, memory };
  }

  get #docType(): MatroskaHead['docType'] {
    return this.type === 'webm' ? 'webm' : 'matroska';
  }

  #encodeHead(rest: Pick<MatroskaHead, 'headBytes' | 'closing'>): Uint8Array {
    return encodeMatroskaHead({ docType: this.#docType, tracks: this.#tracks.map(matroskaTrackOf), ...rest });
  }

  /** Decoding begins at a key frame of a picture; where there is none, anywhere. */
  #index(blocks: readonly MatroskaBlock[], clusterAt: number): void {
    const pictures = new Set(this.#tracks.filter(({ format }) => format.kind === 'video').map(({ number }) => number));
    const start = blocks.find(({ track, key }) => key && (pictures.size === 0 || pictures.has(track)));
    const last = this.#cues.at(-1)?.timeMs ?? -Infinity;
    // A tick is a millisecond here.
    if (start !== undefined && start.ticks - last >= CUE_INTERVAL_MS) this.#cues.push({ timeMs: start.ticks, track: start.track, clusterAt });
  }
}

function blockOf({ track, ptsUs, key, data }: PartFrame): MatroskaBlock {
  return { track, ticks: Math.round(ptsUs / 1000), key, data };
}

/** Frames may be further apart than a cluster can say, where the publisher was silent. */
function* withinSpan(blocks: readonly MatroskaBlock[]): Generator<readonly MatroskaBlock[]> {
  let from = 0;
  let [earliest, latest] = [Infinity, -Infinity];
  for (const [index, { ticks }] of blocks.entries()) {
    earliest = Math.min(earliest, ticks);
    latest = Math.max(latest, ticks);
    if (latest - earliest <= CLUSTER_SPAN_TICKS) continue;
    yield blocks.slice(from, index);
    from = index;
    earliest = latest = ticks;
  }
  if (from < blocks.length) yield blocks.slice(from);
}

function matroskaTrackOf({ number, name, format }: PartTrack): MatroskaTrack {
  const { codec } = format;
  if (!isMatroskaCodec(codec)) throw new RangeError(`Matroska has no place for ${codec}`);
  const common = { number, ...(name === undefined ? {} : { name }), ...(format.codecConfig === undefined ? {} : { codecConfig: format.codecConfig }) };
  if (format.kind === 'video') return { ...common, kind: 'video', codec, width: format.width ?? 0, height: format.height ?? 0 } as MatroskaTrack;
  return { ...common, kind: 'audio', codec, sampleRateHz: sampleRateOf(format), channels: format.channels ?? 1 } as MatroskaTrack;
}

function sampleRateOf({ sampleRateHz, clockRateHz }: TrackDescriptor): number {
  return sampleRateHz ?? clockRateHz;
}
