import type { Codec, Log, MediaFrame, MediaKind, Publication, TrackDescriptor } from 'wcs-core';
import { amfProperties, type AmfValue } from 'wcs-core/formats/amf';
import { parseAudioBody, parseVideoBody, type FlvAudioPacket, type FlvVideoPacket } from 'wcs-core/formats/flv';
import { BUS_LENGTH_SIZE, withBusLengths, type NalLengthSize } from 'wcs-core/formats/nal';
import { codecFromFlv } from './flv-codecs.ts';
import { PublisherClock, type ClockState } from './publisher-clock.ts';
import { audioFormatOf, formatOfFrame, videoFormatOf, type TrackFormat } from './track-config.ts';

/** Tracks of one publisher, at most. */
const MAX_TRACKS = 8;
/** Frames that wait until all kinds of tracks are known, at most, and media time that they may span. */
const MAX_HELD_FRAMES = 64;
const MAX_HOLD_US = 500_000;

interface TrackState {
  readonly descriptor: TrackDescriptor;
  readonly lengthSize: NalLengthSize;
  /** How much earlier than its time stamps the track is decoded, so that no picture is shown before that. */
  leadUs: number;
  lastDtsUs: number;
}

/** Plain data of a `ToBus`. */
export interface ToBusState {
  readonly clock: ClockState;
  readonly tracks: readonly TrackState[];
  /** Undefined once the tracks are announced. */
  readonly held: readonly MediaFrame[] | undefined;
  readonly expected: readonly MediaKind[] | undefined;
  readonly metadata: { readonly width?: number; readonly height?: number; readonly frameRate?: number };
}

const NEW: ToBusState = { clock: { lastMs: undefined, clockMs: 0 }, tracks: [], held: [], expected: undefined, metadata: {} };

/** Turns the message bodies of one publisher into tracks and frames of its publication. */
export class ToBus {
  readonly #publication: Publication;
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #clock: PublisherClock;
  readonly #tracks: Map<string, TrackState>;
  /** Frames that came before all tracks were known: readers should see sound and picture begin together. */
  #held: MediaFrame[] | undefined;
  /** Kinds that the publisher's metadata promised. */
  #expected: readonly MediaKind[] | undefined;
  #metadata: ToBusState['metadata'];
  readonly #refused = new Set<string>();

  /** @param nowMs monotonic clock in milliseconds */
  constructor(publication: Publication, log: Log, nowMs: () => number, state: ToBusState = NEW) {
    this.#publication = publication;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#clock = new PublisherClock(state.clock);
    this.#tracks = new Map(state.tracks.map((track) => [track.descriptor.id, track]));
    this.#held = state.held === undefined ? undefined : [...state.held];
    this.#expected = state.expected;
    this.#metadata = state.metadata;
  }

  exportState(): ToBusState {
    return { clock: this.#clock.exportState(), tracks: [...this.#tracks.values()].map((track) => ({ ...track })), held: this.#held, expected: this.#expected, metadata: this.#metadata };
  }

  /** Takes the body of an audio message. @throws ProtocolError when it makes no sense */
  audio(timestampMs: number, body: Uint8Array): void {
    const clockMs = this.#clock.unwrap(timestampMs);
    for (const packet of parseAudioBody(body)) this.#audioPacket(clockMs, packet);
  }

  /** Takes the body of a video message. @throws ProtocolError when it makes no sense */
  video(timestampMs: number, body: Uint8Array): void {
    const clockMs = this.#clock.unwrap(timestampMs);
    for (const packet of parseVideoBody(body)) if (packet.packet !== 'command') this.#videoPacket(clockMs, packet);
  }

  /** Takes the values of a data message: only `onMetaData` tells something about the tracks. */
  data(values: readonly AmfValue[]): void {
    const [name, facts] = values[0] === '@setDataFrame' ? values.slice(1) : values;
    const metadata = amfProperties(facts);
    if (name !== 'onMetaData' || metadata === undefined) return;
    const number = (value: AmfValue): number | undefined => (typeof value === 'number' && value > 0 && value < 65_536 ? value : undefined);
    const width = number(metadata.width);
    const height = number(metadata.height);
    const frameRate = number(metadata.framerate) ?? number(metadata.fps);
    this.#metadata = { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }), ...(frameRate === undefined ? {} : { frameRate }) };
    if (this.#held === undefined) return;
    const has = (key: string): boolean => metadata[key] !== undefined && metadata[key] !== null && metadata[key] !== 0 && metadata[key] !== '';
    const kinds: MediaKind[] = [...(has('videocodecid') ? ['video' as const] : []), ...(has('audiocodecid') || metadata.audiocodecid === 0 ? ['audio' as const] : [])];
    this.#expected = kinds.length > 0 ? kinds : undefined;
  }

  #videoPacket(clockMs: number, packet: FlvVideoPacket): void {
    const codec = this.#codecOf(packet);
    if (codec === undefined) return;
    if (packet.packet === 'config') {
      const { format, lengthSize } = videoFormatOf(codec, packet);
      this.#describe(packet, codec, format, lengthSize);
    } else if (packet.packet === 'frame' && packet.data.length > 0) {
      const track = this.#trackOf(packet, codec);
      if (track === undefined) return;
      const timeUs = clockMs * 1000 + Math.round(packet.timestampOffsetNs / 1000);
      const data = withBusLengths(packet.data, track.lengthSize);
      this.#frame(track, timeUs, timeUs + packet.compositionTimeMs * 1000, packet.key, data);
    }
  }

  #audioPacket(clockMs: number, packet: FlvAudioPacket): void {
    const codec = this.#codecOf(packet);
    if (codec === undefined) return;
    if (packet.packet === 'config') this.#describe(packet, codec, audioFormatOf(codec, packet.data), BUS_LENGTH_SIZE);
    else if (packet.packet === 'frame' && packet.data.length > 0) {
      const track = this.#trackOf(packet, codec);
      if (track === undefined) return;
      const timeUs = clockMs * 1000 + Math.round(packet.timestampOffsetNs / 1000);
      this.#frame(track, timeUs, timeUs, true, packet.data);
    }
  }

  #codecOf(packet: FlvAudioPacket | FlvVideoPacket): Codec | undefined {
    const codec = codecFromFlv(packet.codec);
    if (codec === undefined) this.#refuse(`${packet.codec} is not carried; the track is left out`);
    return codec;
  }

  /** The track of a frame; made by the frame itself where the codec has no configuration. */
  #trackOf(packet: (FlvAudioPacket | FlvVideoPacket) & { packet: 'frame' }, codec: Codec): TrackState | undefined {
    const known = this.#tracks.get(trackId(packet));
    if (known?.descriptor.codec === codec) return known;
    const format = formatOfFrame(codec, packet);
    if (format === undefined) this.#refuse(`${codec} without its configuration is left out`);
    else this.#describe(packet, codec, format, BUS_LENGTH_SIZE);
    return format === undefined ? undefined : this.#tracks.get(trackId(packet));
  }

  /** A configuration that differs from the last one of its track is a format change. */
  #describe(packet: FlvAudioPacket | FlvVideoPacket, codec: Codec, format: TrackFormat, lengthSize: NalLengthSize): void {
    const id = trackId(packet);
    const before = this.#tracks.get(id);
    if (before === undefined && this.#tracks.size >= MAX_TRACKS) return this.#refuse(`more than ${MAX_TRACKS} tracks; ${id} is left out`);
    if (before !== undefined && before.lengthSize === lengthSize && before.descriptor.codec === codec && sameConfig(before.descriptor.codecConfig, format.codecConfig)) return;
    const extra = packet.type === 'video' ? this.#metadata : {};
    const revision = (before?.descriptor.revision ?? -1) + 1;
    const descriptor: TrackDescriptor = { id, kind: packet.type, codec, revision, ...extra, ...format };
    this.#tracks.set(id, { leadUs: 0, lastDtsUs: -Infinity, ...before, descriptor, lengthSize });
    if (this.#held === undefined) this.#announce();
    else this.#announceWhenComplete();
  }

  #frame(track: TrackState, timeUs: number, ptsUs: number, key: boolean, data: Uint8Array): void {
    const { descriptor } = track;
    // Encoders that write the negative offsets of a shifted composition show pictures "before" they decode them.
    track.leadUs = Math.max(track.leadUs, timeUs - ptsUs);
    const earliestUs = track.lastDtsUs > timeUs ? -Infinity : track.lastDtsUs;
    const dtsUs = Math.max(earliestUs, timeUs - track.leadUs);
    track.lastDtsUs = dtsUs;
    const frame: MediaFrame = { track: descriptor, ptsUs: Math.max(ptsUs, dtsUs), dtsUs, key, data, receivedAtMs: this.#nowMs() };
    if (this.#held === undefined) return this.#publication.write(frame);
    this.#held.push(frame);
    this.#announceWhenComplete();
  }

  #announceWhenComplete(): void {
    const held = this.#held ?? [];
    const kinds = new Set([...this.#tracks.values()].map(({ descriptor }) => descriptor.kind));
    const complete = this.#expected === undefined ? kinds.size === 2 : this.#expected.every((kind) => kinds.has(kind));
    const [first] = held;
    const waited = first !== undefined && (held.length >= MAX_HELD_FRAMES || (held.at(-1)?.dtsUs ?? 0) - first.dtsUs >= MAX_HOLD_US);
    if (complete || waited) this.#announce();
  }

  #announce(): void {
    this.#publication.setTracks([...this.#tracks.values()].map(({ descriptor }) => descriptor));
    const held = this.#held;
    this.#held = undefined;
    for (const frame of held ?? []) this.#publication.write(frame);
  }

  #refuse(what: string): void {
    if (this.#refused.size >= MAX_TRACKS || this.#refused.has(what)) return;
    this.#refused.add(what);
    this.#log.warn(`RTMP: ${what}`, { stream: this.#publication.stream.name });
  }
}

function trackId({ type, trackId: number }: FlvAudioPacket | FlvVideoPacket): string {
  return number === 0 ? type : `${type}${number + 1}`;
}

function sameConfig(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
