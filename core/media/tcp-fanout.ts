import { BacklogAge } from './backlog-age.ts';
import { ViewerGroup, type FanoutCounters, type FanoutSink, type Slot } from './fanout-group.ts';
import { FanoutLog, MessageClass, type BatchWriter } from './fanout-log.ts';
import type { MediaKind } from './codecs.ts';
import type { MediaFrame } from './frame.ts';
import type { MediaClock, MediaTimers } from './runtime.ts';
import { DEFAULT_READER_LIMITS, type ReaderLimits } from './slow-reader.ts';

/** What a fan-out needs to know of what it takes: a frame, or the packets of one. */
export interface FanoutItem {
  readonly track: { readonly kind: MediaKind };
  readonly key: boolean;
}

/** How a fan-out is set up. */
export interface TcpFanoutOptions<Item extends FanoutItem = MediaFrame> {
  /** Appends the wire bytes of one frame, the same for every viewer; appending nothing leaves the frame out. */
  serialise(frame: Item, out: BatchWriter): void;
  /** How long a batch may wait for more, in milliseconds; asked for each batch. See `BatchWindow`. */
  readonly windowMs: () => number;
  readonly clock: MediaClock;
  readonly timers: MediaTimers;
  /** Told of what `serialise` or a viewer threw; the frame or the viewer is left out. */
  readonly onFault: (error: unknown) => void;
  /** A viewer that fell behind could go on if a key frame came; may be asked often. */
  readonly requestKeyFrame?: () => void;
  readonly limits?: Partial<ReaderLimits>;
}

/** How a viewer joins. */
export interface FanoutJoin {
  /** Every frame at once instead of a batch a window. */
  readonly lowLatency?: boolean;
  /** Written first, before any frame pushed from now on: headers and the cached group of pictures. */
  readonly preamble?: readonly Uint8Array[];
  /** Leaves video out until the next key frame. */
  readonly startAtKeyFrame?: boolean;
}

/** A viewer's place in the fan-out. */
export interface FanoutViewer {
  readonly counters: FanoutCounters;
  /** True while video is left out until a key frame; a hand-over passes it on as `startAtKeyFrame`. */
  readonly needsKeyFrame: boolean;
  /** Writes what is pending, unless `discardPending`, and lets go of the viewer. */
  remove(options?: { readonly discardPending?: boolean }): void;
}

const MAX_GROUPS = 4;
const VIEWERS_PER_GROUP = 64;
/** A batch that grows beyond this doesn't wait for its window. */
const MAX_BATCH_BYTES = 256 * 1024;

/**
 * Serialises every frame of a stream once and hands one shared buffer a window to all viewers of one protocol variant.
 * Viewers stand in up to four groups that are served one after the other within the window. A viewer that falls behind
 * loses whole messages only, never sound before video, and gets no video that it cannot decode. One video track.
 */
export class TcpFanout<Item extends FanoutItem = MediaFrame> {
  readonly #options: TcpFanoutOptions<Item>;
  readonly #log: FanoutLog;
  readonly #age: BacklogAge;
  readonly #groups: readonly ViewerGroup[];
  readonly #lowLatency: ViewerGroup;
  readonly #everyGroup: readonly ViewerGroup[];
  #turn = 0;
  #cancelTimer: (() => void) | undefined;
  #handingOut = false;
  /** Frames pushed by a viewer's callback while a batch is handed out. */
  #deferred: (() => void)[] = [];
  #closed = false;

  constructor(options: TcpFanoutOptions<Item>) {
    this.#options = options;
    const limits = { ...DEFAULT_READER_LIMITS, ...options.limits };
    this.#age = new BacklogAge(limits.maxBacklogMs);
    this.#log = new FanoutLog(() => this.#oldestNeeded());
    const context = {
      log: this.#log,
      limits,
      ageMs: (backlogBytes: number) => this.#age.ageMs(backlogBytes, options.clock.nowMs()),
      nowMs: () => options.clock.nowMs(),
      onFault: options.onFault,
      onKeyFrameWanted: () => options.requestKeyFrame?.(),
    };
    this.#groups = Array.from({ length: MAX_GROUPS }, () => new ViewerGroup(context));
    this.#lowLatency = new ViewerGroup(context);
    this.#everyGroup = [...this.#groups, this.#lowLatency];
  }

  get viewerCount(): number {
    return this.#everyGroup.reduce((count, group) => count + group.size, 0);
  }

  /** Joins a viewer: first its preamble, then exactly the frames pushed from now on. */
  add(sink: FanoutSink, join: FanoutJoin = {}): FanoutViewer {
    const group = join.lowLatency === true ? this.#lowLatency : this.#smallestGroup();
    this.#handOut(group);
    let preambleBytes = 0;
    for (const bytes of join.preamble ?? []) {
      preambleBytes += bytes.length;
      sink.write(bytes);
    }
    const slot = group.add(sink, { needsKey: join.startAtKeyFrame ?? false, preambleBytes });
    return new ViewerHandle(group, slot);
  }

  /** Takes a frame of the stream. */
  push(frame: Item): void {
    this.#append(classOf(frame), (out) => this.#options.serialise(frame, out));
  }

  /** Takes bytes that every viewer gets however slow it is, in order with the frames: headers of a changed format. */
  pushBytes(bytes: Uint8Array): void {
    this.#append(MessageClass.always, (out) => out.put(bytes));
  }

  /** Hands out everything pending now, so that viewers can move elsewhere at a message boundary. */
  flush(): void {
    for (const group of this.#everyGroup) this.#handOut(group);
  }

  /** Flushes and lets go of every viewer. */
  close(): void {
    this.flush();
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    for (const group of this.#everyGroup) group.clear();
  }

  #append(messageClass: MessageClass, write: (out: BatchWriter) => void): void {
    if (this.#closed || this.viewerCount === 0) return;
    if (this.#handingOut) return void this.#deferred.push(() => this.#append(messageClass, write));
    const before = this.#log.endBytes;
    try {
      this.#log.append(messageClass, write);
    } catch (error) {
      this.#options.onFault(error);
    }
    const bytes = this.#log.endBytes - before;
    if (bytes === 0) return;
    this.#age.written(bytes, this.#options.clock.nowMs());
    if (this.#lowLatency.size > 0) this.#handOut(this.#lowLatency);
    for (const group of this.#groups) {
      if (group.hasPending && this.#log.bytesFrom(group.cursor) > MAX_BATCH_BYTES) this.#handOut(group);
    }
    this.#arm();
  }

  #handOut(group: ViewerGroup): void {
    if (this.#handingOut) return;
    this.#handingOut = true;
    group.flush();
    this.#handingOut = false;
    const deferred = this.#deferred;
    if (deferred.length === 0) return;
    this.#deferred = [];
    for (const append of deferred) append();
  }

  #arm(): void {
    if (this.#cancelTimer !== undefined || this.#closed) return;
    if (!this.#groups.some((group) => group.hasPending)) return;
    const populated = this.#groups.reduce((count, group) => count + (group.size > 0 ? 1 : 0), 0);
    this.#cancelTimer = this.#options.timers.after(this.#options.windowMs() / populated, () => this.#tick());
  }

  /** Serves the next group in turn that has anybody to serve. */
  #tick(): void {
    this.#cancelTimer = undefined;
    for (let step = 0; step < MAX_GROUPS; step += 1) {
      const group = this.#groups[this.#turn];
      this.#turn = (this.#turn + 1) % MAX_GROUPS;
      if (group?.hasPending !== true) continue;
      this.#handOut(group);
      break;
    }
    this.#arm();
  }

  #smallestGroup(): ViewerGroup {
    const inUse = Math.min(MAX_GROUPS, 1 + Math.floor(this.viewerCount / VIEWERS_PER_GROUP));
    return this.#groups.slice(0, inUse).reduce((smallest, group) => (group.size < smallest.size ? group : smallest), this.#groups[0] ?? this.#lowLatency);
  }

  #oldestNeeded(): number {
    let oldest = this.#log.next;
    for (const group of this.#everyGroup) if (group.size > 0) oldest = Math.min(oldest, group.cursor);
    return oldest;
  }
}

class ViewerHandle implements FanoutViewer {
  readonly #group: ViewerGroup;
  readonly #slot: Slot;

  constructor(group: ViewerGroup, slot: Slot) {
    this.#group = group;
    this.#slot = slot;
  }

  get counters(): FanoutCounters {
    return this.#group.counters(this.#slot);
  }

  get needsKeyFrame(): boolean {
    return this.#group.needsKey(this.#slot);
  }

  remove(options: { readonly discardPending?: boolean } = {}): void {
    this.#group.remove(this.#slot, options.discardPending ?? false);
  }
}

function classOf(frame: FanoutItem): MessageClass {
  if (frame.track.kind !== 'video') return MessageClass.sound;
  return frame.key ? MessageClass.key : MessageClass.delta;
}
