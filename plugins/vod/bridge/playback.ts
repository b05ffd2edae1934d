import { clockRateOf, type MediaFrame, type Playback, type PluginSession, type Publication, type TrackDescriptor, WcsError } from 'wcs-core';
import type { FileSample, FileTrack, ReadBounds } from 'wcs-core/formats/media-file';
import { readError } from '../server/file-errors.ts';
import type { MediaFolder, OpenFile } from '../server/media-folder.ts';
import { PlaybackClock, type ClockState, type PlacedSample } from '../session/playback-clock.ts';
import { SampleQueue } from '../session/sample-queue.ts';

/** What is played, and how; plain data. */
export interface PlaybackPlan {
  readonly uri: string;
  readonly streamName: string;
  /** Absolute, or relative to the working folder. */
  readonly folder: string;
  /** Path below it. */
  readonly file: string;
  readonly loop: boolean;
  /** For one reader, who may pause and seek, and for whom it waits. */
  readonly personal: boolean;
  /** Asked for by an operator, and not by a reader whose leaving ends it. */
  readonly isCapture: boolean;
}

/** A playback as plain data, for the next version of the plugin. */
export interface PlaybackState {
  readonly plan: PlaybackPlan;
  readonly identity: string;
  readonly position: unknown;
  readonly clock: ClockState;
  readonly queue: readonly PlacedSample[];
  readonly tracks: readonly FileTrack[];
  readonly durationUs: number | undefined;
  readonly begun: boolean;
  readonly atEnd: boolean;
  readonly anchorMs: number;
  readonly anchorUs: number;
  readonly standsAtUs: number | undefined;
  readonly awaitsReader: boolean;
  readonly paused: boolean;
  readonly writtenUs: number;
  /** A seek that waits for the disk. */
  readonly seekToUs: number | undefined;
  readonly bytes: number;
}

/** What a playback needs. */
export interface PlaybackParts {
  readonly session: PluginSession;
  readonly publication: Publication;
  readonly media: MediaFolder;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Told when the disk was too slow to keep the schedule. */
  readonly onLate: () => void;
}

/** How often what is due is written. */
const TICK_MS = 20;
/** How far is read ahead, and how much in one step. */
const READ_AHEAD_US = 1_500_000;
const STEP: ReadBounds = { bytes: 1024 * 1024, spanUs: 500_000 };
/** Behind this, the schedule is moved instead of sending in a burst what was missed. */
const MAX_LATE_US = 1_000_000;

/** One file at work: reads ahead in steps, and writes every frame at its time by one timer. */
export class FilePlayback implements Playback {
  readonly plan: PlaybackPlan;
  readonly #parts: PlaybackParts;
  readonly #tracks: readonly FileTrack[];
  readonly #descriptors: readonly TrackDescriptor[];
  readonly #clock: PlaybackClock;
  readonly #queue: SampleQueue;
  readonly #durationUs: number | undefined;
  readonly #identity: string;
  /** Undefined until a continued playback has opened its file again. */
  #file: OpenFile | undefined;
  #startPosition: unknown;
  /** Where the reader stands whose samples are all queued. */
  #position: unknown;
  #begun: boolean;
  #atEnd: boolean;
  #reading = false;
  /** Stream time `#anchorUs` is due at `#anchorMs`. */
  #anchorMs: number;
  #anchorUs: number;
  /** Stream time at which the playback stands; undefined while it runs. */
  #standsAtUs: number | undefined;
  #awaitsReader: boolean;
  #paused: boolean;
  #writtenUs: number;
  #bytes: number;
  #seeking: { positionUs: number; readonly done: Promise<number> } | undefined;
  /** Uses of the reader, one after another. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(parts: PlaybackParts, state: PlaybackState, file: OpenFile | undefined) {
    this.plan = state.plan;
    this.#parts = parts;
    this.#tracks = state.tracks;
    this.#descriptors = state.tracks.map(descriptorOf);
    this.#clock = new PlaybackClock(state.tracks, state.clock);
    this.#queue = new SampleQueue(state.tracks.length, state.queue);
    this.#durationUs = state.durationUs;
    this.#identity = state.identity;
    this.#position = state.position;
    this.#begun = state.begun;
    this.#atEnd = state.atEnd;
    this.#anchorMs = state.anchorMs;
    this.#anchorUs = state.anchorUs;
    this.#standsAtUs = state.standsAtUs;
    this.#awaitsReader = state.awaitsReader;
    this.#paused = state.paused;
    this.#writtenUs = state.writtenUs;
    this.#bytes = state.bytes;
    if (file !== undefined) this.#use(file);
    const { session } = parts;
    session.scope.add('file', () => this.#closeFile());
    session.timers.every(TICK_MS, () => this.#tick());
    session.entry.update({ state: 'ESTABLISHED', role: 'publish', streamName: this.plan.streamName, info: { uri: this.plan.uri }, bytesIn: () => this.#bytes });
  }

  /** Begins to play an open file. */
  static begin(parts: PlaybackParts, plan: PlaybackPlan, file: OpenFile): FilePlayback {
    const { tracks, durationUs } = file.reader;
    const position = file.reader.exportPosition();
    const clock = new PlaybackClock(tracks).exportState();
    const standsAtUs = plan.personal ? 0 : undefined;
    const start = { position, clock, queue: [], tracks, durationUs, begun: false, atEnd: false, anchorMs: parts.nowMs(), anchorUs: 0, standsAtUs, awaitsReader: plan.personal, paused: false, writtenUs: 0, seekToUs: undefined, bytes: 0 };
    return new FilePlayback(parts, { plan, identity: file.identity, ...start }, file);
  }

  /** Goes on with a playback of the previous version; its file is opened again while what was read ahead is played. */
  static resume(parts: PlaybackParts, state: PlaybackState): FilePlayback {
    const playback = new FilePlayback(parts, state, undefined);
    parts.session.background(playback.#exclusively(() => playback.#reopen()));
    if (state.seekToUs !== undefined) parts.session.background(playback.seek(state.seekToUs).catch(() => undefined));
    return playback;
  }

  get durationUs(): number | undefined {
    return this.#durationUs;
  }

  get shiftUs(): number {
    return this.#clock.shiftUs;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get descriptors(): readonly TrackDescriptor[] {
    return this.#descriptors;
  }

  /** The first reader of a copy of its own is there. */
  onReader(): void {
    if (!this.#awaitsReader) return;
    this.#awaitsReader = false;
    if (!this.#paused) this.#go();
  }

  pause(): void {
    this.#paused = true;
    this.#standsAtUs ??= this.#nowUs();
  }

  resume(): void {
    this.#paused = false;
    if (!this.#awaitsReader) this.#go();
  }

  seek(positionUs: number): Promise<number> {
    // Of many wishes that come while one waits for the disk, the last counts.
    if (this.#seeking !== undefined) {
      this.#seeking.positionUs = positionUs;
      return this.#seeking.done;
    }
    const done = this.#exclusively(() => this.#seek());
    this.#seeking = { positionUs, done };
    return done;
  }

  exportState(): PlaybackState {
    const { plan } = this;
    return {
      plan,
      identity: this.#identity,
      position: this.#position,
      clock: this.#clock.exportState(),
      queue: this.#queue.list(),
      tracks: this.#tracks,
      durationUs: this.#durationUs,
      begun: this.#begun,
      atEnd: this.#atEnd,
      anchorMs: this.#anchorMs,
      anchorUs: this.#anchorUs,
      standsAtUs: this.#standsAtUs,
      awaitsReader: this.#awaitsReader,
      paused: this.#paused,
      writtenUs: this.#writtenUs,
      seekToUs: this.#seeking?.positionUs,
      bytes: this.#bytes,
    };
  }

  #go(): void {
    if (this.#standsAtUs === undefined) return;
    this.#anchorUs = this.#standsAtUs;
    this.#anchorMs = this.#parts.nowMs();
    this.#standsAtUs = undefined;
  }

  #nowUs(): number {
    return this.#standsAtUs ?? this.#anchorUs + (this.#parts.nowMs() - this.#anchorMs) * 1000;
  }

  #tick(): void {
    const nowUs = this.#nowUs();
    if (this.#standsAtUs === undefined && this.#begun) this.#writeUntil(nowUs);
    if (this.#needsMore(nowUs)) this.#readOn();
    if (this.#atEnd && this.#queue.isEmpty && this.#seeking === undefined && nowUs > this.#writtenUs) this.#parts.session.close('End of file');
  }

  #writeUntil(nowUs: number): void {
    const head = this.#queue.peek();
    if (head !== undefined && nowUs - head.dtsUs > MAX_LATE_US) {
      this.#parts.onLate();
      this.#anchorMs += (nowUs - head.dtsUs) / 1000;
      return this.#writeUntil(head.dtsUs);
    }
    for (let sample = head; sample !== undefined && sample.dtsUs <= nowUs; sample = this.#queue.peek()) {
      this.#queue.drop(sample);
      this.#write(sample);
      if (this.#parts.session.closed || this.#standsAtUs !== undefined) return;
    }
  }

  #write({ track, ptsUs, dtsUs, key, data, discontinuity }: PlacedSample): void {
    const descriptor = this.#descriptors[track];
    if (descriptor === undefined) return;
    this.#writtenUs = Math.max(this.#writtenUs, dtsUs);
    this.#bytes += data.length;
    const receivedAtMs = this.#anchorMs + (dtsUs - this.#anchorUs) / 1000;
    const frame: MediaFrame = { track: descriptor, ptsUs, dtsUs, key, data, receivedAtMs };
    this.#parts.publication.write(discontinuity ? { ...frame, discontinuity } : frame);
  }

  #needsMore(nowUs: number): boolean {
    return this.#file !== undefined && !this.#reading && !this.#atEnd && this.#queue.newestUs - nowUs < READ_AHEAD_US;
  }

  #readOn(): void {
    this.#reading = true;
    this.#parts.session.background(
      this.#exclusively(() => this.#read())
        .catch((error: unknown) => this.#fail(error))
        .finally(() => (this.#reading = false)),
    );
  }

  /** Queues the next samples, or begins the next round, or finds that there are none. */
  async #read(): Promise<void> {
    const file = this.#file;
    // A seek has the next word.
    if (file === undefined || this.#seeking !== undefined) return;
    await file.check();
    const samples = await file.reader.next(STEP);
    // Exported meanwhile: the next version reads these again.
    if (this.#parts.session.closed) return;
    if (samples.length > 0) {
      if (!this.#begun) this.#clock.begin(samples);
      this.#begun = true;
      this.#take(samples, file);
      return;
    }
    if (!this.plan.loop || !this.#begun) {
      this.#atEnd = true;
      return;
    }
    this.#clock.nextRound();
    file.reader.restorePosition(this.#startPosition);
    this.#position = this.#startPosition;
  }

  #take(samples: readonly FileSample[], file: OpenFile): void {
    for (const sample of samples) {
      const placed = this.#clock.place(sample);
      if (placed !== undefined) this.#queue.push(placed);
    }
    this.#position = file.reader.exportPosition();
  }

  async #seek(): Promise<number> {
    const file = this.#file;
    const wish = this.#seeking;
    try {
      if (file === undefined || wish === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${this.plan.streamName} has ended.`);
      await file.check();
      if (!this.#begun) this.#clock.begin(await file.reader.next(STEP));
      this.#begun = true;
      const { foundUs, samples } = await this.#find(file, wish);
      if (this.#parts.session.closed) return wish.positionUs;
      this.#queue.clear();
      this.#clock.jump(samples, this.#writtenUs);
      this.#atEnd = samples.length === 0;
      this.#take(samples, file);
      this.#standsAtUs = this.#queue.peek()?.dtsUs ?? this.#nowUs();
      if (!this.#paused && !this.#awaitsReader) this.#go();
      return foundUs;
    } catch (error) {
      this.#fail(error);
      throw error instanceof WcsError && error.code === 'MEDIA_E_NOT_FOUND' ? error : readError(error);
    } finally {
      this.#seeking = undefined;
    }
  }

  /** What is at the position that is wished for; the wish may change while the disk is read. */
  async #find({ reader }: OpenFile, wish: { readonly positionUs: number }): Promise<{ readonly foundUs: number; readonly samples: readonly FileSample[] }> {
    for (;;) {
      const { positionUs } = wish;
      const foundUs = await reader.seek(Math.max(0, Math.min(positionUs, this.durationUs ?? Infinity)));
      const samples = await reader.next(STEP);
      if (positionUs === wish.positionUs || this.#parts.session.closed) return { foundUs, samples };
    }
  }

  /** The same file with the same content, or the end. */
  async #reopen(): Promise<void> {
    const { session, media } = this.#parts;
    try {
      const file = await media.open(this.plan.folder, this.plan.file);
      if (session.closed || file.identity !== this.#identity) {
        await file.close();
        if (!session.closed) this.#fail(new Error('The file has changed'));
        return;
      }
      this.#use(file);
    } catch (error) {
      this.#fail(error);
    }
  }

  #use(file: OpenFile): void {
    this.#file = file;
    this.#startPosition = file.reader.exportPosition();
    file.reader.restorePosition(this.#position);
  }

  #fail(error: unknown): void {
    const { session } = this.#parts;
    if (session.closed) return;
    const failure = readError(error);
    session.log.warn('A file could not be played on', { uri: this.plan.uri, reason: failure.message, ...failure.details });
    session.close(failure.message);
  }

  /** Runs a use of the reader when those before it are done. */
  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #closeFile(): Promise<void> {
    await this.#turn;
    await this.#file?.close();
    this.#file = undefined;
  }
}

function descriptorOf({ kind, codec, codecConfig, width, height, frameRate, hasBFrames, sampleRateHz, channels }: FileTrack): TrackDescriptor {
  const facts = { codecConfig, width, height, frameRate, hasBFrames, sampleRateHz, channels };
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return { id: kind, kind, codec, clockRateHz: clockRateOf(codec, sampleRateHz), revision: 1, ...known };
}
