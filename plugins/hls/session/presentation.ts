import { areSameFormats, type MediaFrame, type TrackDescriptor } from 'wcs-core';
import type { Container, MediaFile } from '../wire/request-path.ts';
import type { Cut, CutPart } from './cut.ts';
import { Fmp4Packager } from './fmp4-packager.ts';
import type { Fmp4State, Packager, TsState } from './packager.ts';
import { extensionOf, listPresentation } from './listing.ts';
import { PlaylistVersions } from './playlist-versions.ts';
import { SegmentStore, type StoreLimits, type StoreState } from './segment-store.ts';
import { Segmenter, type SegmenterState } from './segmenter.ts';
import type { Timing } from './timing.ts';
import { TsPackager } from './ts-packager.ts';

/** The clocks that a presentation reads. */
export interface Clocks {
  /** Milliseconds since the epoch. */
  wallMs(): number;
  /** Monotonic milliseconds, the clock of `MediaFrame.receivedAtMs`. */
  monotonicMs(): number;
}

/** What a presentation is made of and can be continued from; plain data. */
export interface PresentationState {
  readonly container: Container;
  readonly timing: Timing;
  /** Part of every file name, so that no cache takes the media of one presentation for another's. */
  readonly token: string;
  tracks: readonly TrackDescriptor[];
  initId: number;
  /** The next segment begins with a discontinuity. */
  discontinuity: boolean;
  /** Wall clock of a time of the stream, from which PROGRAM-DATE-TIME is told. */
  anchor: { readonly wallMs: number; readonly us: number };
  /** Monotonic time up to which gaps are listed; undefined while the publisher is there. */
  gapUntilMs: number | undefined;
  ended: boolean;
  /** The tracks' configurations make no init segment: nothing of them can be packed. */
  unpackable: boolean;
  readonly segmenter: SegmenterState | undefined;
  readonly store: StoreState;
  readonly packager: Fmp4State | TsState | undefined;
}

/** How a presentation begins. */
export interface PresentationOptions {
  readonly limits: StoreLimits;
  readonly clocks: Clocks;
  /** Told of a part that could not be packed: the publisher's media is broken. */
  readonly onBroken: (error: unknown) => void;
  /** Without a key frame now, the next segment will not begin with one; told with each part until one comes. */
  readonly onKeyFrameDue: () => void;
}

/** Requests may ask for parts this many seconds ahead. @see RFC 8216bis section 6.2.5.2 */
const ADVANCE_S = 3;

/** A state that begins with segment `nextMsn`; behind a predecessor the first segment is a discontinuity. */
export function newPresentation(container: Container, timing: Timing, token: string, after?: { readonly nextMsn: number; readonly discontinuitySequence: number }): PresentationState {
  return {
    container,
    timing,
    token,
    tracks: [],
    initId: -1,
    discontinuity: after !== undefined,
    anchor: { wallMs: 0, us: 0 },
    gapUntilMs: undefined,
    ended: false,
    unpackable: false,
    segmenter: undefined,
    store: SegmentStore.empty(after?.nextMsn ?? 0, after?.discontinuitySequence ?? 0),
    packager: undefined,
  };
}

/** One stream in one container: frames in; playlists, init segments, segments and parts out. No I/O and no timer. */
export class Presentation {
  readonly versions = new PlaylistVersions(() => listPresentation(this.#s, this.#store));
  readonly #s: PresentationState;
  readonly #options: PresentationOptions;
  readonly #segmenter: Segmenter;
  readonly #packager: Packager;
  readonly #store: SegmentStore;
  #onChange: () => void = () => undefined;

  constructor(state: PresentationState, options: PresentationOptions) {
    this.#s = { ...state };
    this.#options = options;
    this.#segmenter = new Segmenter(state.timing, state.segmenter);
    this.#packager = restorePackager(state);
    this.#store = new SegmentStore(state.timing, options.limits, state.store);
  }

  exportState(): PresentationState {
    return { ...this.#s, segmenter: this.#segmenter.exportState(), store: this.#store.exportState(), packager: this.#packager.exportState() };
  }

  get container(): Container {
    return this.#s.container;
  }

  get timing(): Timing {
    return this.#s.timing;
  }

  get tracks(): readonly TrackDescriptor[] {
    return this.#s.tracks;
  }

  get store(): Pick<SegmentStore, 'listed' | 'open' | 'openMsn' | 'bytes' | 'discontinuitySequence'> {
    return this.#store;
  }

  get ended(): boolean {
    return this.#s.ended;
  }

  /** Something can be listed: a playlist of it is not empty. */
  get isReady(): boolean {
    const hasParts = this.#s.container === 'fmp4' && this.#store.open !== undefined;
    return hasParts || this.#store.listed.length > 0;
  }

  /** Where a successor of this presentation goes on. */
  get successor(): { readonly nextMsn: number; readonly discontinuitySequence: number } {
    const unfinished = this.#store.open === undefined ? 0 : 1;
    const discontinuities = [...this.#store.listed, this.#store.open].filter((segment) => segment?.discontinuity === true).length;
    return { nextMsn: this.#store.openMsn + unfinished, discontinuitySequence: this.#store.discontinuitySequence + discontinuities };
  }

  /** Told once after each change of the list, when it is complete. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** Takes the first picture track and the first sound track; a change begins a new init segment after a discontinuity. */
  setTracks(tracks: readonly TrackDescriptor[]): void {
    const video = tracks.find(({ kind }) => kind === 'video');
    const audio = tracks.find(({ kind }) => kind === 'audio');
    const lead = video ?? audio;
    const chosen = [video, audio].filter((track) => track !== undefined);
    if (lead === undefined || areSameFormats(chosen, this.#s.tracks)) return;
    this.#apply(this.#segmenter.setTracks(lead, lead === audio ? undefined : audio?.id));
    this.#s.tracks = chosen;
    this.#s.unpackable = true;
    try {
      const init = this.#packager.begin(this.#s.tracks);
      this.#s.initId++;
      if (init !== undefined) this.#store.setInit(this.#s.initId, init);
      this.#s.unpackable = false;
    } catch (error) {
      this.#options.onBroken(error);
    }
  }

  push(frame: MediaFrame): void {
    const cuts = this.#segmenter.push(frame);
    if (cuts.length === 0) return;
    this.#apply(cuts);
    if (this.#segmenter.isKeyFrameDue) this.#options.onKeyFrameDue();
  }

  /** Somebody waits for a list: the first segment is whole as soon as it has a part. Later ones are left alone. */
  endSegmentEarly(): void {
    if (this.#store.listed.length === 0) this.#apply(this.#segmenter.endSegmentEarly());
  }

  /** The publisher is away; `tick` lists gaps until a frame comes. */
  suspend(): void {
    this.#apply(this.#segmenter.flush());
    this.#s.gapUntilMs = this.#options.clocks.monotonicMs();
  }

  /** Lists the gaps that are due, and frees what is too old. */
  tick(): void {
    const nowMs = this.#options.clocks.monotonicMs();
    const { partTargetUs } = this.#s.timing;
    if (this.#s.gapUntilMs !== undefined && !this.#s.ended && nowMs - this.#s.gapUntilMs >= partTargetUs / 1000) {
      this.#s.gapUntilMs += partTargetUs / 1000;
      this.#apply(this.#segmenter.gap());
    }
    this.#store.sweep(nowMs);
  }

  /** No more will come: the list ends. */
  end(): void {
    if (this.#s.ended) return;
    const cuts = this.#segmenter.flush();
    this.#s.ended = true;
    this.#apply(cuts);
    // A segment of gaps is left open by the publisher's absence.
    this.#store.endSegment(this.#options.clocks.monotonicMs());
    this.#changed();
  }

  /** Whether the list has come as far as a blocking request asks. @see RFC 8216bis section 6.2.5.2 */
  progressTo({ msn, part }: { readonly msn: number; readonly part?: number }): 'reached' | 'ahead' | 'tooFarAhead' {
    const { openMsn, open } = this.#store;
    const parts = open?.parts.length ?? 0;
    if (this.#s.ended) return 'reached';
    if (msn > openMsn + 1) return 'tooFarAhead';
    if (part === undefined) return msn < openMsn ? 'reached' : 'ahead';
    if (msn < openMsn) {
      const whole = this.#store.segment(msn)?.parts.length ?? Infinity;
      // Behind the last part of a whole segment stands part 0 of the next one.
      return part < whole || msn + 1 < openMsn || parts > 0 ? 'reached' : 'ahead';
    }
    const listed = msn === openMsn ? parts : 0;
    if (part - (listed - 1) > this.#advanceLimit()) return 'tooFarAhead';
    return part < listed ? 'reached' : 'ahead';
  }

  /** The bytes of a file, in pieces; `ahead` for the part that is announced and comes next, undefined for what is not there. */
  file(file: MediaFile): readonly Buffer[] | 'ahead' | undefined {
    if (file.token !== this.#s.token) return undefined;
    switch (file.type) {
      case 'init': {
        const init = this.#store.init(file.id);
        return init === undefined ? undefined : [init];
      }
      case 'segment': {
        const segment = file.extension === extensionOf(this.#s.container) ? this.#store.segment(file.msn) : undefined;
        return segment === undefined || segment.gap ? undefined : segment.parts.flatMap(({ data }) => data ?? []);
      }
      case 'part':
        return this.#partFile(file.msn, file.part);
    }
  }

  #partFile(msn: number, index: number): readonly Buffer[] | 'ahead' | undefined {
    if (this.#s.container !== 'fmp4') return undefined;
    const part = this.#store.part(msn, index);
    if (part !== undefined) return part.data === undefined ? undefined : [part.data];
    const isNext = msn === this.#store.openMsn && index === (this.#store.open?.parts.length ?? 0);
    return isNext && !this.#s.ended ? 'ahead' : undefined;
  }

  #apply(cuts: readonly Cut[]): void {
    for (const cut of cuts) this.#applyOne(cut);
    if (cuts.some(({ type }) => type !== 'begin')) this.#changed();
  }

  #applyOne(cut: Cut): void {
    switch (cut.type) {
      case 'begin': {
        const { clocks } = this.#options;
        this.#s.discontinuity ||= this.#store.openMsn > 0 || this.#store.open !== undefined;
        this.#s.anchor = { wallMs: clocks.wallMs() - Math.max(0, clocks.monotonicMs() - cut.receivedAtMs), us: cut.startUs };
        this.#s.gapUntilMs = undefined;
        return;
      }
      case 'part':
        return this.#addPart(cut);
      case 'segmentEnd':
        return this.#store.endSegment(this.#options.clocks.monotonicMs());
    }
  }

  #addPart(cut: CutPart): void {
    const data = this.#pack(cut);
    this.#store.addPart({ durationUs: cut.durationUs, independent: cut.independent && data !== undefined, data }, () => {
      const { discontinuity, anchor, initId, container } = this.#s;
      this.#s.discontinuity = false;
      const programDateTimeMs = anchor.wallMs + (cut.startUs - anchor.us) / 1000;
      return { discontinuity, initId: container === 'fmp4' ? initId : undefined, programDateTimeMs };
    });
  }

  #pack(cut: CutPart): Buffer | undefined {
    if (this.#s.unpackable || (cut.video.length === 0 && cut.audio.length === 0)) return undefined;
    try {
      return this.#packager.pack(cut, this.#store.open === undefined);
    } catch (error) {
      this.#options.onBroken(error);
      return undefined;
    }
  }

  #changed(): void {
    this.versions.renew();
    this.#onChange();
  }

  #advanceLimit(): number {
    const partTargetS = this.#s.timing.partTargetUs / 1_000_000;
    return partTargetS < 1 ? Math.ceil(ADVANCE_S / partTargetS) : ADVANCE_S;
  }
}

function restorePackager({ container, packager }: PresentationState): Packager {
  if (packager === undefined) return container === 'fmp4' ? new Fmp4Packager() : new TsPackager();
  return packager.container === 'fmp4' ? new Fmp4Packager(packager) : new TsPackager(packager);
}
