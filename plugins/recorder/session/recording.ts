import { isSameFormat, type MediaFrame, type TrackDescriptor } from 'wcs-core';
import type { ContainerType, PartTrack } from '../wire/container.ts';
import { completeFormat, containerFor, holds, openContainer, type ContainerByCodec } from '../wire/open-container.ts';
import type { Rotation } from '../wire/rotation.ts';
import { Interleaver, type InterleaverState, type OrderedFrame } from './interleaver.ts';
import { Part, type PartOutput, type PartState, type PieceLimits } from './part.ts';

/** What is told of a file when it begins. */
export interface PartFacts {
  readonly container: ContainerType;
  readonly tracks: readonly PartTrack[];
  /** Decoding time of its first frame on the stream's clock. */
  readonly startUs: number;
}

/** What is told of a file when it is complete. */
export interface PartEnd {
  readonly durationUs: number;
  /** Counted from 1; undefined for the last one, or the only one. */
  readonly number: number | undefined;
}

/** The world as a recording sees it. */
export interface RecordingHost {
  openPart(facts: PartFacts): PartOutput;
  /** Everything of the part is handed over. */
  closePart(output: PartOutput, end: PartEnd): void;
  /** A track that no container has a place for. */
  onLeftOut(format: TrackDescriptor): void;
}

/** How a stream is recorded. */
export interface RecordingWish {
  readonly byCodec: ContainerByCodec;
  readonly rotation: Rotation | undefined;
  readonly limits: PieceLimits;
}

/** Plain data of a `Recording`. */
export interface RecordingState {
  readonly tracks: readonly PartTrack[];
  readonly interleaver: InterleaverState;
  readonly part: { readonly state: PartState; readonly startUs: number } | undefined;
  readonly partNumber: number;
  readonly firstUs: number | undefined;
}

/** A key frame this much before its time still begins the next part. */
const ROTATION_TOLERANCE_US = 50_000;
/** How long sound waits for the first picture. */
const START_WAIT_US = 3_000_000;

/** One stream on its way into one file after another. Pure: no clock, no files. */
export class Recording {
  /** The state of one that has not begun. */
  static readonly fresh: RecordingState = { tracks: [], interleaver: [], part: undefined, partNumber: 1, firstUs: undefined };

  readonly #host: RecordingHost;
  readonly #wish: RecordingWish;
  #tracks: readonly PartTrack[];
  #interleaver: Interleaver;
  #part: { readonly part: Part; readonly output: PartOutput; readonly startUs: number } | undefined;
  #partNumber: number;
  /** First frame that came while no file was open. */
  #firstUs: number | undefined;

  /** @param output of the part that `state` is in the middle of */
  constructor(host: RecordingHost, wish: RecordingWish, state: RecordingState = Recording.fresh, output?: PartOutput) {
    this.#host = host;
    this.#wish = wish;
    this.#tracks = state.tracks;
    this.#interleaver = new Interleaver((ordered) => this.#take(ordered), state.interleaver);
    this.#partNumber = state.partNumber;
    this.#firstUs = state.firstUs;
    if (state.part === undefined || output === undefined) return;
    this.#part = { part: new Part(output, wish.limits, state.part.state), output, startUs: state.part.startUs };
  }

  /** Codecs of what is recorded, pictures first. */
  get tracks(): readonly PartTrack[] {
    return this.#tracks;
  }

  /** A format that the file in the making cannot go on with ends it. */
  setTracks(formats: readonly TrackDescriptor[]): void {
    const usable = formats.map(completeFormat).filter((format) => this.#isUsable(format));
    if (this.#tracks.length > 0 && goesOn(this.#tracks, usable)) return;
    this.#interleaver.flush();
    this.#endPart(false);
    this.#tracks = usable.map((format, index) => ({ number: index + 1, format }));
    this.#interleaver = new Interleaver((ordered) => this.#take(ordered));
    for (const { number } of this.#tracks) this.#interleaver.add(number);
    this.#firstUs = undefined;
  }

  push(frame: MediaFrame): void {
    for (const { number, format } of this.#tracks) if (format.id === frame.track.id) this.#interleaver.push(number, frame, frame.dtsUs);
  }

  /** Nothing may come for long: what is there goes to the file. */
  pause(): void {
    this.#interleaver.flush();
    this.#part?.part.cut();
  }

  end(): void {
    this.#interleaver.flush();
    this.#endPart(true);
  }

  exportState(): RecordingState {
    const part = this.#part === undefined ? undefined : { state: this.#part.part.exportState(), startUs: this.#part.startUs };
    return { tracks: this.#tracks, interleaver: this.#interleaver.exportState(), part, partNumber: this.#partNumber, firstUs: this.#firstUs };
  }

  #isUsable(format: TrackDescriptor): boolean {
    if (format.kind === 'data') return false;
    const usable = holds('mkv', format) || holds('mp4', format);
    if (!usable) this.#host.onLeftOut(format);
    return usable;
  }

  #take(ordered: OrderedFrame): void {
    if (this.#part !== undefined && this.#isRotationDue(ordered)) this.#endPart(false);
    if (this.#part === undefined && !this.#begin(ordered)) return;
    this.#write(ordered);
  }

  /** A file begins with a key frame of the picture; without a picture, or when none comes, with sound. */
  #begin({ frame, dtsUs }: OrderedFrame): boolean {
    this.#firstUs ??= dtsUs;
    const hasVideo = this.#tracks.some(({ format }) => format.kind === 'video');
    const isStart = frame.track.kind === 'video' ? frame.key : !hasVideo || dtsUs - this.#firstUs > START_WAIT_US;
    if (!isStart) return false;
    const container = containerFor(this.#tracks.map(({ format }) => format), this.#wish.byCodec);
    const output = this.#host.openPart({ container, tracks: this.#tracks, startUs: dtsUs });
    const part = new Part(output, this.#wish.limits, openContainer({ type: container, tracks: this.#tracks, headBytes: 0 }));
    this.#part = { part, output, startUs: dtsUs };
    return true;
  }

  #write({ track, frame, dtsUs, durationUs }: OrderedFrame): void {
    if (this.#part === undefined) return;
    const { part, startUs } = this.#part;
    // A track that fell behind so far that the file begins after it: better early than lost.
    const decodeUs = Math.max(0, dtsUs - startUs);
    const ptsUs = Math.max(decodeUs, frame.ptsUs - startUs);
    part.push({ track, kind: frame.track.kind === 'video' ? 'video' : 'audio', dtsUs: decodeUs, ptsUs, durationUs, key: frame.key, data: frame.data });
  }

  #isRotationDue({ frame, dtsUs }: OrderedFrame): boolean {
    const { rotation } = this.#wish;
    if (rotation === undefined || this.#part === undefined) return false;
    const hasVideo = this.#tracks.some(({ format }) => format.kind === 'video');
    if (hasVideo && !(frame.track.kind === 'video' && frame.key)) return false;
    const { part, startUs } = this.#part;
    return rotation.by === 'time' ? dtsUs - startUs >= rotation.us - ROTATION_TOLERANCE_US : part.bytes >= rotation.bytes;
  }

  #endPart(isLast: boolean): void {
    if (this.#part === undefined) return;
    const { part, output } = this.#part;
    this.#part = undefined;
    this.#firstUs = undefined;
    part.close();
    this.#host.closePart(output, { durationUs: part.endUs, number: isLast ? undefined : this.#partNumber });
    this.#partNumber += 1;
  }
}

/** True when a file of the tracks before holds the ones that come as well: VP8 and VP9 tell their size in every key frame. */
function goesOn(before: readonly PartTrack[], now: readonly TrackDescriptor[]): boolean {
  return before.length === now.length && before.every(({ format }, index) => isSameStream(format, now[index]));
}

function isSameStream(before: TrackDescriptor, now: TrackDescriptor | undefined): boolean {
  if (now === undefined || isSameFormat(before, now)) return now !== undefined;
  const isInBand = before.codec === 'vp8' || before.codec === 'vp9';
  return isInBand && now.id === before.id && now.codec === before.codec;
}
