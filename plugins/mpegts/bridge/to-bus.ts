import { areSameFormats, clockRateOf, ticksToUs, type Codec, type Log, type MediaFrame, type MediaKind, type Publication, type TrackDescriptor } from 'wcs-core';
import type { TsInputStream, TsUnit } from 'wcs-core/formats/mpegts-reader';
import type { IngestSink } from '../server/ingest.ts';
import { PictureUnits } from '../session/picture-unit.ts';
import { SoundFramer, type SoundFormat, type SoundFramerState } from '../session/sound-framer.ts';

/** How long, in media time, frames wait for the format of the other tracks; and how many at most. */
const MAX_HOLD_US = 1_500_000;
const MAX_HELD_FRAMES = 300;
const TS_RATE_HZ = 90_000;
/** Seconds that decoding times may be away from presentation times. */
const MAX_LEAD_90K = 10 * TS_RATE_HZ;

/** Kinds of media that are taken; others of the transport stream are left out. */
export type WantedKinds = Readonly<Partial<Record<MediaKind, boolean>>>;

interface Lane {
  readonly stream: TsInputStream;
  readonly kind: 'video' | 'audio';
  readonly trackId: string;
  readonly pictures: PictureUnits | undefined;
  readonly sound: SoundFramer | undefined;
  track: TrackDescriptor | undefined;
  /** Of the last format that a track of this id had. */
  revision: number;
}

/** Plain data of a `ToBus`. */
export interface ToBusState {
  readonly lanes: readonly { readonly stream: TsInputStream; readonly sound: SoundFramerState | undefined; readonly track: TrackDescriptor | undefined; readonly revision: number }[];
  /** Undefined once the tracks are announced. */
  readonly held: readonly MediaFrame[] | undefined;
}

/** Turns the units of one transport stream into tracks and frames of its publication: the first video and the first audio that can be read. */
export class ToBus implements IngestSink {
  readonly #publication: Publication;
  readonly #wanted: WantedKinds;
  readonly #log: Log;
  readonly #nowMs: () => number;
  #lanes: readonly Lane[];
  /** Frames that came before all tracks were known: readers should see sound and picture begin together. */
  #held: MediaFrame[] | undefined;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(publication: Publication, wanted: WantedKinds, log: Log, nowMs: () => number, state?: ToBusState) {
    this.#publication = publication;
    this.#wanted = wanted;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#lanes = (state?.lanes ?? []).map(({ stream, sound, track, revision }) => ({ ...laneOf(stream, sound), track, revision }));
    this.#held = state === undefined ? [] : state.held === undefined ? undefined : [...state.held];
  }

  exportState(): ToBusState {
    return { lanes: this.#lanes.map(({ stream, sound, track, revision }) => ({ stream, sound: sound?.exportState(), track, revision })), held: this.#held };
  }

  onProgram(streams: readonly TsInputStream[]): void {
    const lanes: Lane[] = [];
    for (const stream of streams) {
      const kind = kindOf(stream);
      const wanted = kind !== undefined && this.#wanted[kind] !== false;
      const isFirst = !lanes.some((lane) => lane.kind === kind);
      if (wanted && isFirst) lanes.push(this.#lanes.find((lane) => lane.stream.pid === stream.pid && lane.stream.codec === stream.codec) ?? this.#heir(stream));
      else if (stream.codec === undefined || (wanted && !isFirst)) this.#log.warn(`MPEG-TS: ${stream.name} is left out`, { stream: this.#publication.stream.name, pid: stream.pid });
    }
    this.#lanes = lanes;
    if (this.#held === undefined && lanes.every(({ track }) => track !== undefined)) this.#announce();
  }

  /** @throws ProtocolError for a unit that makes no sense */
  onUnit(unit: TsUnit): void {
    const lane = this.#lanes.find(({ stream }) => stream.pid === unit.pid);
    if (lane?.pictures !== undefined) this.#picture(lane, lane.pictures, unit);
    else if (lane?.sound !== undefined) this.#sound(lane, lane.sound, unit);
  }

  #picture(lane: Lane, pictures: PictureUnits, { pts90k, dts90k, data }: TsUnit): void {
    const { data: sample, key } = pictures.take(data);
    const { codecConfig, width, height, hasBFrames } = pictures.facts;
    // After a swap the parameter sets are read anew; until they come, the track is as it was.
    if (codecConfig !== undefined) {
      const size = { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }), ...(hasBFrames === undefined ? {} : { hasBFrames }) };
      this.#describe(lane, { clockRateHz: TS_RATE_HZ, codecConfig, ...size });
    }
    if (lane.track === undefined || sample.length === 0 || pts90k === undefined || dts90k === undefined) return;
    const isBelievable = dts90k <= pts90k && pts90k - dts90k <= MAX_LEAD_90K;
    this.#write(lane.track, pts90k, isBelievable ? dts90k : pts90k, key, sample);
  }

  #sound(lane: Lane, framer: SoundFramer, { pts90k, data, discontinuity }: TsUnit): void {
    for (const frame of framer.push(data, pts90k, discontinuity)) {
      this.#describe(lane, formatOf(lane, frame.format));
      if (lane.track !== undefined) this.#write(lane.track, frame.pts90k, frame.pts90k, true, frame.data);
    }
  }

  #write(track: TrackDescriptor, pts90k: number, dts90k: number, key: boolean, data: Uint8Array): void {
    const frame: MediaFrame = { track, ptsUs: ticksToUs(pts90k, TS_RATE_HZ), dtsUs: ticksToUs(dts90k, TS_RATE_HZ), key, data, receivedAtMs: this.#nowMs() };
    if (this.#held === undefined) return this.#publication.write(frame);
    this.#held.push(frame);
    this.#announceWhenComplete();
  }

  /** A format that differs from the last one of its track is a format change. */
  #describe(lane: Lane, format: Omit<TrackDescriptor, 'id' | 'kind' | 'codec' | 'revision'>): void {
    const before = lane.track;
    const track: TrackDescriptor = { ...format, id: lane.trackId, kind: lane.kind, codec: busCodecOf(lane.stream), revision: lane.revision + 1 };
    if (before !== undefined && areSameFormats([before], [track])) return;
    lane.track = track;
    lane.revision = track.revision;
    if (this.#held === undefined) this.#announce();
  }

  #announceWhenComplete(): void {
    const held = this.#held ?? [];
    const [first] = held;
    const isComplete = this.#lanes.every(({ track }) => track !== undefined);
    const hasWaited = first !== undefined && (held.length >= MAX_HELD_FRAMES || Math.abs((held.at(-1)?.dtsUs ?? 0) - first.dtsUs) >= MAX_HOLD_US);
    if (isComplete || hasWaited) this.#announce();
  }

  #announce(): void {
    this.#publication.setTracks(this.#lanes.flatMap(({ track }) => track ?? []));
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const frame of held) this.#publication.write(frame);
  }

  /** A lane in place of another one of its kind, whose track it gives a new format. */
  #heir(stream: TsInputStream): Lane {
    const lane = laneOf(stream, undefined);
    return { ...lane, revision: this.#lanes.find(({ kind }) => kind === lane.kind)?.revision ?? 0 };
  }
}

function laneOf(stream: TsInputStream, sound: SoundFramerState | undefined): Lane {
  const { codec, channels } = stream;
  const kind = kindOf(stream) ?? 'audio';
  const isPicture = codec === 'h264' || codec === 'hevc';
  return {
    stream,
    kind,
    trackId: kind,
    pictures: isPicture ? new PictureUnits(codec) : undefined,
    sound: isPicture || codec === undefined ? undefined : new SoundFramer(codec, channels, sound),
    track: undefined,
    revision: 0,
  };
}

function kindOf({ codec }: TsInputStream): 'video' | 'audio' | undefined {
  if (codec === undefined) return undefined;
  return codec === 'h264' || codec === 'hevc' ? 'video' : 'audio';
}

function busCodecOf({ codec }: TsInputStream): Codec {
  return codec === undefined || codec === 'aacLatm' ? 'aac' : codec;
}

function formatOf(lane: Lane, format: SoundFormat): Omit<TrackDescriptor, 'id' | 'kind' | 'codec' | 'revision'> {
  return { ...format, clockRateHz: clockRateOf(busCodecOf(lane.stream), format.sampleRateHz) };
}
