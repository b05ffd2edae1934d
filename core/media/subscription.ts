import { BacklogAge } from './backlog-age.ts';
import type { MediaFrame, MediaPacket } from './frame.ts';
import type { Acceptance, ConversionNeed } from './negotiate.ts';
import type { MediaRuntime } from './runtime.ts';
import { SlowReader, type Deliverable, type ReaderLimits } from './slow-reader.ts';
import { areSameFormats, isSameFormat, type TrackDescriptor } from './track.ts';

/** Whole access units, or RTP packets as they come. */
export type Plane = 'frames' | 'packets';

/** Where a reader's media goes. A method that throws ends that subscription and is reported; nobody else notices. */
export interface FrameSink {
  /** First of all, and again at a format change before its first frame. */
  onTracks(tracks: readonly TrackDescriptor[]): void;
  /** The kinds that are left out from now on, none when all come after all; after `onTracks`, where that is due too. */
  onOmitted?(needs: readonly ConversionNeed[]): void;
  onFrame?(frame: MediaFrame): void;
  onPacket?(packet: MediaPacket): void;
  /** The publisher is gone but may return. */
  onSuspend?(): void;
  /** The publisher is back; changed tracks and a frame marked as a discontinuity follow. */
  onResume?(): void;
  /** Last of all, unless the reader closed the subscription itself. */
  onEnd(reason: string): void;
  /** Bytes not yet taken by the reader's socket; asked at most once per frame. Absent: the reader is never slow. */
  backlogBytes?(): number;
}

/** What a reader asks of a stream. */
export interface SubscribeOptions {
  readonly plane: Plane;
  /** What the reader can take; absent: everything as it is. */
  readonly accept?: readonly Acceptance[];
  /**
   * What to do about a kind that cannot be had in an accepted codec: refuse the reader (default) or leave the kind out;
   * `omitSome` leaves kinds out, but refuses a reader for whom nothing would be left.
   */
  readonly onMismatch?: 'refuse' | 'omit' | 'omitSome';
  /** `gop`: the cached group of pictures first (packets: for the first reader of packets that are made of frames, otherwise like `key`); `key`: from the next key frame; `live`: whatever comes next. */
  readonly from?: 'gop' | 'key' | 'live';
  readonly sink: FrameSink;
  /** Names the reader in lists and reports. */
  readonly label: string;
  readonly limits?: Partial<ReaderLimits>;
  /** Packets of the picture's layers too, as tracks of their own (`TrackDescriptor.layerOf`) after the others; default: none of them. */
  readonly layers?: boolean;
}

/** What a reader got so far. */
export interface ReaderCounters {
  readonly frames: number;
  readonly bytes: number;
  /** Dropped because the reader was slow. */
  readonly droppedFrames: number;
}

/** One reader of one stream. */
export interface Subscription {
  readonly label: string;
  readonly plane: Plane;
  /** `waiting` until the tracks are known. */
  readonly state: 'waiting' | 'active' | 'closed';
  readonly tracks: readonly TrackDescriptor[];
  readonly counters: ReaderCounters;
  /**
   * Changes what the reader takes from now on.
   *
   * @throws WcsError MEDIA_E_NO_COMMON_CODEC and changes nothing
   */
  setAccept(accept: readonly Acceptance[] | undefined): void;
  /** Ends the subscription and lets go of the sink at once; `onEnd` isn't called. */
  close(): void;
}

/** What a subscription needs of its stream. */
export interface ReaderHost {
  left(reader: Reader): void;
  negotiate(reader: Reader, accept: readonly Acceptance[] | undefined): void;
  requestKeyFrame(trackId: string): void;
}

/** The stream's side of a subscription. */
export class Reader implements Subscription {
  readonly label: string;
  readonly plane: Plane;
  readonly from: 'gop' | 'key' | 'live';
  readonly onMismatch: 'refuse' | 'omit' | 'omitSome';
  readonly layers: boolean;
  accept: readonly Acceptance[] | undefined;
  readonly counters = { frames: 0, bytes: 0, droppedFrames: 0 };
  readonly #host: ReaderHost;
  readonly #runtime: MediaRuntime;
  readonly #slow: SlowReader;
  readonly #age: BacklogAge;
  #sink: FrameSink | undefined;
  #state: Subscription['state'] = 'waiting';
  #tracks: readonly TrackDescriptor[] = [];
  #omitted: readonly TrackDescriptor[] = [];
  readonly #ids = new Set<string>();
  /** Video tracks of which nothing can be decoded before the next key frame. */
  readonly #awaitingKey = new Set<string>();
  /** Tracks whose current access unit this reader doesn't get (packets only). */
  readonly #refusedUnits = new Set<string>();
  /** Tracks that this reader joined within an access unit, whose rest is of no use to it (packets only). */
  readonly #joinedWithin = new Set<string>();
  /** Part of the backlog that the replay caused and that is no fault of the reader. */
  #replayedBytes = 0;

  constructor(options: SubscribeOptions, host: ReaderHost, runtime: MediaRuntime) {
    this.label = options.label;
    this.plane = options.plane;
    this.from = options.from ?? 'gop';
    this.onMismatch = options.onMismatch ?? 'refuse';
    this.layers = options.plane === 'packets' && options.layers === true;
    this.accept = options.accept;
    this.#sink = options.sink;
    this.#host = host;
    this.#runtime = runtime;
    const limits = { ...runtime.settings.readerLimits, ...options.limits };
    this.#slow = new SlowReader(limits);
    this.#age = new BacklogAge(limits.maxBacklogMs);
  }

  get state(): Subscription['state'] {
    return this.#state;
  }

  get tracks(): readonly TrackDescriptor[] {
    return this.#tracks;
  }

  /** Ids of the video tracks that wait for a key frame. */
  get awaitedKeys(): readonly string[] {
    return [...this.#awaitingKey];
  }

  setAccept(accept: readonly Acceptance[] | undefined): void {
    if (this.#state === 'closed') return;
    this.#host.negotiate(this, accept);
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#sink = undefined;
    this.#host.left(this);
  }

  /** Tells the reader its tracks, if they differ from what it knows; the first call makes it active. */
  giveTracks(tracks: readonly TrackDescriptor[]): void {
    if (this.#state === 'closed') return;
    if (this.#state === 'active' && areSameFormats(this.#tracks, tracks)) return;
    const changed = tracks.filter((track) => track.kind === 'video' && !isSameFormat(track, this.#tracks.find(({ id }) => id === track.id)));
    this.#tracks = tracks;
    this.#state = 'active';
    this.#ids.clear();
    for (const { id } of tracks) this.#ids.add(id);
    for (const id of this.#awaitingKey) if (!this.#ids.has(id)) this.#awaitingKey.delete(id);
    if (this.from !== 'live') this.#awaitKeys(changed);
    this.#tell((sink) => sink.onTracks(tracks));
  }

  /** Tells the reader which kinds it doesn't get, if they differ from what it knows. */
  giveOmitted(needs: readonly ConversionNeed[]): void {
    const formats = needs.map(({ track }) => track);
    if (areSameFormats(formats, this.#omitted)) return;
    this.#omitted = formats;
    this.#tell((sink) => sink.onOmitted?.(needs));
  }

  suspend(): void {
    if (this.#state === 'active') this.#tell((sink) => sink.onSuspend?.());
  }

  resume(): void {
    if (this.#state !== 'active') return;
    this.#awaitKeys(this.#tracks.filter(({ kind }) => kind === 'video'));
    this.#tell((sink) => sink.onResume?.());
  }

  /** Says the last word to the sink and closes. */
  end(reason: string): void {
    const sink = this.#sink;
    this.close();
    if (sink === undefined) return;
    try {
      sink.onEnd(reason);
    } catch (error) {
      this.#runtime.onFault(error, this.label);
    }
  }

  /** A cached frame for a late joiner: never dropped for slowness. */
  replay(frame: MediaFrame): void {
    if (!this.#wants(frame) || !this.#passesKeyGate(frame)) return;
    this.#replayedBytes += frame.data.byteLength;
    this.#hand(frame, undefined, frame.data.byteLength);
  }

  deliverFrame(frame: MediaFrame): void {
    if (!this.#wants(frame) || !this.#passesKeyGate(frame)) return;
    if (this.#admits(frame)) this.#hand(frame, undefined, frame.data.byteLength);
  }

  /** @param startsUnit true for the first packet of an access unit: what is decided for it holds for the rest */
  deliverPacket(packet: MediaPacket, startsUnit: boolean): void {
    if (!this.#wants(packet)) return;
    const { id } = packet.track;
    if (startsUnit && this.#joinedWithin.size > 0) this.#joinedWithin.delete(id);
    // A key frame may begin with packets that don't show it: a delimiter, or remarks, in packets of their own.
    if (startsUnit || (packet.key && this.#awaitingKey.size > 0 && this.#awaitingKey.has(id) && !this.#joinedWithin.has(id))) {
      if (!this.#passesKeyGate(packet) || !this.#admits(packet)) this.#refusedUnits.add(id);
      else if (this.#refusedUnits.size > 0) this.#refusedUnits.delete(id);
    }
    if (this.#refusedUnits.size === 0 || !this.#refusedUnits.has(id)) this.#hand(undefined, packet, packet.rtp.byteLength);
  }

  #wants(item: Deliverable): boolean {
    return this.#state === 'active' && this.#ids.has(item.track.id);
  }

  #awaitKeys(tracks: readonly TrackDescriptor[]): void {
    for (const { id } of tracks) {
      this.#awaitingKey.add(id);
      this.#refusedUnits.add(id);
      this.#joinedWithin.add(id);
    }
  }

  #passesKeyGate(item: Deliverable): boolean {
    if (this.#awaitingKey.size === 0 || !this.#awaitingKey.has(item.track.id)) return true;
    if (item.key) return this.#awaitingKey.delete(item.track.id);
    this.#host.requestKeyFrame(item.track.id);
    return false;
  }

  /** Asks the slow-reader rule. */
  #admits(item: Deliverable): boolean {
    const sink = this.#sink;
    if (sink?.backlogBytes === undefined) return true;
    try {
      const backlogBytes = sink.backlogBytes();
      this.#replayedBytes = Math.min(this.#replayedBytes, backlogBytes);
      const ownBytes = backlogBytes - this.#replayedBytes;
      const nowMs = this.#runtime.clock.nowMs();
      return this.#decide(item, ownBytes, ownBytes > 0 ? this.#age.ageMs(ownBytes, nowMs) : 0, nowMs);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  #decide(item: Deliverable, ownBytes: number, ageMs: number, nowMs: number): boolean {
    switch (this.#slow.next(ownBytes, ageMs, nowMs, item)) {
      case 'deliver':
        return true;
      case 'drop':
        this.counters.droppedFrames += 1;
        if (this.#slow.awaitsKeyFrame) this.#host.requestKeyFrame(item.track.id);
        return false;
      case 'disconnect':
        this.#runtime.log.debug('reader disconnected for slowness', { reader: this.label, backlogBytes: ownBytes });
        this.end('Reader is too slow');
        return false;
    }
  }

  #hand(frame: MediaFrame | undefined, packet: MediaPacket | undefined, bytes: number): void {
    const sink = this.#sink;
    if (sink === undefined) return;
    this.counters.frames += 1;
    this.counters.bytes += bytes;
    if (sink.backlogBytes !== undefined) this.#age.written(bytes, this.#runtime.clock.nowMs());
    try {
      if (frame !== undefined) sink.onFrame?.(frame);
      if (packet !== undefined) sink.onPacket?.(packet);
    } catch (error) {
      this.#fail(error);
    }
  }

  #tell(say: (sink: FrameSink) => void): void {
    if (this.#sink === undefined) return;
    try {
      say(this.#sink);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#runtime.onFault(error, this.label);
    this.end('Internal error of the reader');
  }
}
