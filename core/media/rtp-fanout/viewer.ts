import type { RtpSender } from '../../rtp/fanout/engine.ts';
import type { MediaKind } from '../codecs.ts';
import type { Acceptance } from '../negotiate.ts';
import { areSameFormats, type TrackDescriptor } from '../track.ts';
import type { RtpFanoutRuntime } from './runtime.ts';
import type { TrackFanout } from './track-fanout.ts';
import { ViewerLine, type RtpLineState, type RtpMapping, type SenderFacts } from './viewer-line.ts';

/** A kind of media that the stream has and the viewer cannot take. */
export interface MissingTrack {
  readonly kind: MediaKind;
  /** What the stream has. */
  readonly codec: TrackDescriptor['codec'];
  /** What would mend it, as a sentence. */
  readonly remedy: string;
}

/** How a viewer joins. What a callback throws ends that viewer and nobody else. */
export interface RtpViewerOptions {
  /** Where everything goes; stays the caller's. */
  readonly sender: RtpSender;
  /** Names the viewer in reports. */
  readonly label: string;
  /** What the viewer can take; absent: everything. Kinds without a common codec are left out. */
  readonly accept?: readonly Acceptance[];
  /**
   * Where a track goes, undefined for one that isn't sent; asked at each change of the stream's tracks, and by `remap`.
   * Of tracks with the same SSRC the first one is sent. `offered` are all that there are: layers of a picture come after
   * the picture itself.
   */
  map(track: TrackDescriptor, offered: readonly TrackDescriptor[]): RtpMapping | undefined;
  /** The tracks that are sent: first within `add` where they are known, then at each change before its first packet. */
  onTracks?(tracks: readonly TrackDescriptor[]): void;
  /** Once for each kind and codec that is missing. */
  onMissing?(missing: MissingTrack): void;
  /** The publisher is gone but may return. */
  onSuspend?(): void;
  /** The publisher is back; sequence numbers and timestamps go on. */
  onResume?(): void;
  /** Last of all, unless the viewer was closed by its owner. */
  onEnd(reason: string): void;
  /** Goes on where the viewer of another generation stood. */
  readonly resume?: RtpViewerState;
}

/** What a viewer carries over a swap; plain data. */
export interface RtpViewerState {
  readonly lines: readonly RtpLineState[];
}

/** What a viewer got. */
export interface RtpViewerCounters {
  readonly packets: number;
  /** Payload bytes. */
  readonly octets: number;
  /** Packets sent again. */
  readonly resends: number;
  /** Requests that were not answered: unknown, too old or too many. */
  readonly refusedResends: number;
}

/** A viewer's place in the fan-out of a stream. */
export interface RtpViewer {
  /** The tracks that are sent. */
  readonly tracks: readonly TrackDescriptor[];
  readonly counters: RtpViewerCounters;
  /** The peer asks for packets again: 16-bit sequence numbers of its own. @see RFC 4585 section 6.2.1 */
  onNack(ssrc: number, sequences: readonly number[]): void;
  /** The peer needs a key frame. @see RFC 4585 section 6.3.1 */
  onPli(ssrc: number): void;
  /** Asks `map` again: another layer is chosen, and goes out from its next key frame on. */
  remap(): void;
  /** What sender reports say now; `nowMs` is monotonic, by default now. */
  reports(nowMs?: number): SenderFacts[];
  /** What `resume` goes on from. */
  state(): RtpViewerState;
  /** Lets go of the viewer at once; `onEnd` isn't called. */
  close(): void;
}

/** What a viewer needs of its fan-out. */
export interface ViewerHost {
  readonly runtime: RtpFanoutRuntime;
  /** Time of the stream now, in microseconds. */
  streamNowUs(nowMs: number): number | undefined;
  requestKeyFrame(trackId: string): void;
  left(viewer: Viewer): void;
}

/** The fan-out's side of a viewer. */
export class Viewer implements RtpViewer {
  readonly #options: RtpViewerOptions;
  readonly #host: ViewerHost;
  readonly #lines = new Map<number, ViewerLine>();
  #offered: readonly TrackFanout[] = [];
  #tracks: readonly TrackDescriptor[] = [];
  #missing: readonly MissingTrack[] = [];
  /** Lines that are not sent now, of this viewer or the one before a swap: their sequence numbers are used up. */
  #parked: readonly RtpLineState[];
  #resends = 0;
  #refusedResends = 0;
  #closed = false;

  constructor(options: RtpViewerOptions, host: ViewerHost) {
    this.#options = options;
    this.#host = host;
    this.#parked = options.resume?.lines ?? [];
  }

  get tracks(): readonly TrackDescriptor[] {
    return this.#tracks;
  }

  get counters(): RtpViewerCounters {
    let packets = 0;
    let octets = 0;
    for (const line of this.#lines.values()) {
      packets += line.packets;
      octets += line.octets;
    }
    for (const line of this.#parked) {
      packets += line.packets;
      octets += line.octets;
    }
    return { packets, octets, resends: this.#resends, refusedResends: this.#refusedResends };
  }

  onNack(ssrc: number, sequences: readonly number[]): void {
    const answered = this.#lines.get(ssrc)?.resend(sequences) ?? 0;
    this.#resends += answered;
    this.#refusedResends += sequences.length - answered;
  }

  onPli(ssrc: number): void {
    const line = this.#lines.get(ssrc);
    if (line !== undefined) this.#host.requestKeyFrame(line.trackId);
  }

  remap(): void {
    this.offer(this.#offered, this.#missing);
  }

  reports(nowMs: number = this.#host.runtime.clock.nowMs()): SenderFacts[] {
    const nowUs = this.#host.streamNowUs(nowMs);
    return nowUs === undefined ? [] : [...this.#lines.values()].flatMap((line) => line.facts(nowUs));
  }

  state(): RtpViewerState {
    return { lines: [...[...this.#lines.values()].flatMap((line) => line.state() ?? []), ...this.#parked] };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const ssrc of [...this.#lines.keys()]) this.#closeLine(ssrc);
    this.#offered = [];
    this.#host.left(this);
  }

  /** The tracks that the viewer may have, and what it misses. */
  offer(offered: readonly TrackFanout[], missing: readonly MissingTrack[]): void {
    if (this.#closed) return;
    this.#offered = offered;
    this.#guard(() => this.#follow(offered));
    const before = this.#missing;
    this.#missing = missing;
    for (const entry of missing) {
      const isNew = !before.some(({ kind, codec }) => kind === entry.kind && codec === entry.codec);
      if (isNew && !this.#isClosed()) this.#guard(() => this.#options.onMissing?.(entry));
    }
  }

  suspend(): void {
    if (!this.#closed) this.#guard(() => this.#options.onSuspend?.());
  }

  resume(): void {
    if (!this.#closed) this.#guard(() => this.#options.onResume?.());
  }

  /** Says the last word and closes. */
  end(reason: string): void {
    if (this.#closed) return;
    this.close();
    try {
      this.#options.onEnd(reason);
    } catch (error) {
      this.#host.runtime.onFault(error, this.#options.label);
    }
  }

  #follow(offered: readonly TrackFanout[]): void {
    const wanted = new Map<number, { readonly track: TrackFanout; readonly mapping: RtpMapping }>();
    const descriptors = offered.map(({ track }) => track);
    for (const track of offered) {
      const mapping = this.#options.map(track.track, descriptors);
      if (mapping !== undefined && !wanted.has(mapping.ssrc)) wanted.set(mapping.ssrc, { track, mapping });
    }
    if (this.#isClosed()) return;
    for (const ssrc of [...this.#lines.keys()]) if (!wanted.has(ssrc)) this.#closeLine(ssrc);
    const before = this.#tracks;
    this.#tracks = [...wanted.values()].map(({ track }) => track.track);
    // First, so that the viewer knows what comes when cached packets are sent at once.
    if (!areSameFormats(this.#tracks, before)) this.#options.onTracks?.(this.#tracks);
    for (const { track, mapping } of wanted.values()) if (!this.#isClosed()) this.#followLine(track, mapping);
  }

  #followLine(track: TrackFanout, mapping: RtpMapping): void {
    const line = this.#lines.get(mapping.ssrc);
    if (line !== undefined) {
      line.follow(track, mapping);
      return;
    }
    const { sender } = this.#options;
    const { runtime } = this.#host;
    const opened = new ViewerLine(mapping, {
      sender,
      runtime,
      requestKeyFrame: (trackId) => this.#host.requestKeyFrame(trackId),
      guard: (work) => this.#guard(work),
    });
    this.#lines.set(mapping.ssrc, opened);
    const state = this.#parked.find(({ ssrc }) => ssrc === mapping.ssrc);
    this.#parked = this.#parked.filter((other) => other !== state);
    if (state === undefined) opened.follow(track, mapping);
    else opened.resume(state, track);
  }

  #closeLine(ssrc: number): void {
    const line = this.#lines.get(ssrc);
    const state = line?.state();
    line?.close();
    this.#lines.delete(ssrc);
    if (state !== undefined) this.#parked = [...this.#parked, { ...state, phase: 'waiting' }];
  }

  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#host.runtime.onFault(error, this.#options.label);
      this.end('Internal error of the reader');
    }
  }

  /** Asked after calls that may have closed the viewer. */
  #isClosed(): boolean {
    return this.#closed;
  }
}
