import { isSameFormat, type MediaFrame, type TrackDescriptor } from 'wcs-core';
import type { ContainerType, PartTrack } from '../wire/container.ts';
import { completeFormat, holds, openContainer } from '../wire/open-container.ts';
import { Interleaver, type InterleaverState, type OrderedFrame } from './interleaver.ts';
import { Part, type PartOutput, type PartState, type PieceLimits } from './part.ts';
import type { RecordingHost } from './recording.ts';

/** One stream of a joint recording, as plain data. */
interface SourceState {
  readonly key: string;
  readonly name: string;
  /** Numbers of its present tracks by their ids. */
  readonly tracks: Readonly<Record<string, number>>;
  /** Added to the stream's times; undefined before its first frame. */
  readonly offsetUs: number | undefined;
}

/** Plain data of a `JointRecording`. */
export interface JointRecordingState {
  readonly sources: readonly SourceState[];
  readonly tracks: readonly PartTrack[];
  readonly interleaver: InterleaverState;
  readonly part: PartState | undefined;
  readonly startedAtUs: number | undefined;
  readonly keyed: readonly number[];
}

/** Room for the descriptions of streams that come later. */
const HEAD_BYTES = 64 * 1024;
/** As many as have a number of one byte in every container. */
const MAX_TRACKS = 126;

/** Several streams on their way into one file, each in tracks of its own. Streams come and go; times are those of arrival. */
export class JointRecording {
  /** The state of one that has not begun. */
  static readonly fresh: JointRecordingState = { sources: [], tracks: [], interleaver: [], part: undefined, startedAtUs: undefined, keyed: [] };

  readonly #host: RecordingHost;
  readonly #container: ContainerType;
  readonly #limits: PieceLimits;
  readonly #sources = new Map<string, { readonly name: string; tracks: ReadonlyMap<string, number>; offsetUs: number | undefined }>();
  readonly #interleaver: Interleaver;
  /** All that the file has ever had, also of streams that are gone. */
  #tracks: readonly PartTrack[];
  #open: { readonly part: Part; readonly output: PartOutput } | undefined;
  #startedAtUs: number | undefined;
  /** Tracks that have begun: a picture begins with a key frame. */
  readonly #keyed: Set<number>;

  /** @param output of the file that `state` is in the middle of */
  constructor(host: RecordingHost, container: ContainerType, limits: PieceLimits, state: JointRecordingState = JointRecording.fresh, output?: PartOutput) {
    this.#host = host;
    this.#container = container;
    this.#limits = limits;
    this.#interleaver = new Interleaver((ordered) => this.#take(ordered), state.interleaver);
    this.#tracks = state.tracks;
    this.#startedAtUs = state.startedAtUs;
    this.#keyed = new Set(state.keyed);
    for (const { key, name, tracks, offsetUs } of state.sources) this.#sources.set(key, { name, tracks: new Map(Object.entries(tracks)), offsetUs });
    if (state.part !== undefined && output !== undefined) this.#open = { part: new Part(output, limits, state.part), output };
  }

  get sources(): readonly string[] {
    return [...this.#sources.keys()];
  }

  /** @param name shown with the tracks of the stream */
  add(key: string, name: string): void {
    this.#sources.set(key, { name, tracks: new Map(), offsetUs: undefined });
  }

  /** A format that is new to the file gets a track of its own. */
  setTracks(key: string, formats: readonly TrackDescriptor[]): void {
    const source = this.#sources.get(key);
    if (source === undefined) return;
    const numbers = new Map<string, number>();
    for (const format of formats.map(completeFormat)) {
      const before = source.tracks.get(format.id);
      const isSame = before !== undefined && isSameFormat(format, this.#tracks.find(({ number }) => number === before)?.format);
      const number = isSame ? before : this.#addTrack(source.name, format);
      if (number !== undefined) numbers.set(format.id, number);
    }
    const gone = [...source.tracks.values()].filter((number) => ![...numbers.values()].includes(number));
    source.tracks = numbers;
    for (const number of gone) this.#interleaver.remove(number);
  }

  push(key: string, frame: MediaFrame): void {
    const source = this.#sources.get(key);
    const number = source?.tracks.get(frame.track.id);
    if (source === undefined || number === undefined) return;
    if (!this.#keyed.has(number)) {
      if (!frame.key) return;
      this.#keyed.add(number);
    }
    const arrivedUs = Math.round(frame.receivedAtMs * 1000);
    this.#startedAtUs ??= arrivedUs;
    source.offsetUs ??= arrivedUs - this.#startedAtUs - frame.dtsUs;
    this.#interleaver.push(number, frame, frame.dtsUs + source.offsetUs);
  }

  remove(key: string): void {
    const source = this.#sources.get(key);
    this.#sources.delete(key);
    for (const number of source?.tracks.values() ?? []) this.#interleaver.remove(number);
  }

  end(): void {
    this.#interleaver.flush();
    if (this.#open === undefined) return;
    const { part, output } = this.#open;
    this.#open = undefined;
    part.close();
    this.#host.closePart(output, { durationUs: part.endUs, number: undefined });
  }

  exportState(): JointRecordingState {
    return {
      sources: [...this.#sources].map(([key, { name, tracks, offsetUs }]) => ({ key, name, tracks: Object.fromEntries(tracks), offsetUs })),
      tracks: this.#tracks,
      interleaver: this.#interleaver.exportState(),
      part: this.#open?.part.exportState(),
      startedAtUs: this.#startedAtUs,
      keyed: [...this.#keyed],
    };
  }

  /** Undefined for a track that the file has no place for. */
  #addTrack(name: string, format: TrackDescriptor): number | undefined {
    const track: PartTrack = { number: this.#tracks.length + 1, format, name };
    if (track.number > MAX_TRACKS || !holds(this.#container, format) || !this.#isPlaced(track)) {
      if (format.kind !== 'data') this.#host.onLeftOut(format);
      return undefined;
    }
    this.#tracks = [...this.#tracks, track];
    this.#interleaver.add(track.number);
    return track.number;
  }

  /** The head of a file that is there is written anew. */
  #isPlaced(track: PartTrack): boolean {
    if (this.#open === undefined) return true;
    const { part, output } = this.#open;
    try {
      part.container.addTrack(track);
    } catch {
      return false;
    }
    output.replaceHead(part.container.head());
    return true;
  }

  #take({ track, frame, dtsUs, durationUs }: OrderedFrame): void {
    this.#open ??= this.#begin(dtsUs);
    const decodeUs = Math.max(0, dtsUs);
    const ptsUs = decodeUs + frame.ptsUs - frame.dtsUs;
    this.#open.part.push({ track, kind: frame.track.kind === 'video' ? 'video' : 'audio', dtsUs: decodeUs, ptsUs, durationUs, key: frame.key, data: frame.data });
  }

  #begin(startUs: number): { readonly part: Part; readonly output: PartOutput } {
    const output = this.#host.openPart({ container: this.#container, tracks: this.#tracks, startUs });
    const container = openContainer({ type: this.#container, tracks: this.#tracks, headBytes: HEAD_BYTES });
    return { output, part: new Part(output, this.#limits, container) };
  }
}
