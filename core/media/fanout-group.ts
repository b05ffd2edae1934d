import { BATCH_MODES, BatchMode, type BatchFacts, type FanoutLog } from './fanout-log.ts';
import { pressureOf, type ReaderLimits } from './slow-reader.ts';

/** A connection that gets the stream. `write` must not push into the fan-out it is called from. */
export interface FanoutSink {
  write(data: Uint8Array): boolean;
  /** Bytes written but not yet taken by the operating system. */
  readonly backlogBytes: number;
  /** The viewer was too slow for too long and is out: disconnect it. */
  onOverflow(): void;
}

/** What a viewer got so far. */
export interface FanoutCounters {
  readonly frames: number;
  readonly bytes: number;
  readonly droppedFrames: number;
}

/** Place of a viewer in its group; -1 when it is out. */
export interface Slot {
  index: number;
  /** Counters at the time it left. */
  final: FanoutCounters;
  /** Whether it waited for a key frame when it left. */
  leftNeedingKey: boolean;
}

/** What all groups of a fan-out share. */
export interface GroupContext {
  readonly log: FanoutLog;
  readonly limits: ReaderLimits;
  ageMs(backlogBytes: number): number;
  nowMs(): number;
  onFault(error: unknown): void;
  /** A viewer could go on if a key frame came. */
  onKeyFrameWanted(): void;
}

const INITIAL_VIEWERS = 16;

/** Viewers that get their batches at the same time. Their state is in arrays: a batch allocates nothing per viewer. */
export class ViewerGroup {
  readonly #context: GroupContext;
  readonly #facts: BatchFacts = { sounds: 0, keys: 0, deltas: 0, beforeKey: 0, endsInDelta: false };
  readonly #batches: (Uint8Array | undefined)[] = new Array<undefined>(BATCH_MODES).fill(undefined);
  readonly #sinks: (FanoutSink | undefined)[] = [];
  readonly #slots: Slot[] = [];
  #needsKey = new Uint8Array(INITIAL_VIEWERS);
  #fullSinceMs = new Float64Array(INITIAL_VIEWERS);
  /** Part of the backlog that the preamble caused. */
  #preambleBytes = new Float64Array(INITIAL_VIEWERS);
  #frames = new Float64Array(INITIAL_VIEWERS);
  #bytes = new Float64Array(INITIAL_VIEWERS);
  #dropped = new Float64Array(INITIAL_VIEWERS);
  #count = 0;
  #live = 0;
  #flushing = false;
  /** While flushing: first message of the batch, and the viewers from `#flushIndex` on (of `#flushCount`) that haven't got it. */
  #flushFrom = 0;
  #flushIndex = 0;
  #flushCount = 0;
  /** Next message that the group has to get. */
  cursor = 0;

  constructor(context: GroupContext) {
    this.#context = context;
  }

  /** Viewers in the group. */
  get size(): number {
    return this.#live;
  }

  get hasPending(): boolean {
    return this.#live > 0 && this.cursor < this.#context.log.next;
  }

  /** Adds a viewer that gets everything after what the group has got. */
  add(sink: FanoutSink, options: { needsKey: boolean; preambleBytes: number }): Slot {
    if (this.#live === 0 && !this.#flushing) this.cursor = this.#context.log.next;
    if (this.#count === this.#needsKey.length) this.#grow();
    const index = this.#count;
    const slot: Slot = { index, final: { frames: 0, bytes: 0, droppedFrames: 0 }, leftNeedingKey: false };
    this.#sinks[index] = sink;
    this.#slots[index] = slot;
    this.#needsKey[index] = options.needsKey ? 1 : 0;
    this.#fullSinceMs[index] = NaN;
    this.#preambleBytes[index] = options.preambleBytes;
    this.#frames[index] = this.#bytes[index] = this.#dropped[index] = 0;
    this.#count += 1;
    this.#live += 1;
    return slot;
  }

  /** Takes a viewer out, after what is pending for it unless that is to be discarded. */
  remove(slot: Slot, discardPending: boolean): void {
    if (slot.index < 0) return;
    const { log } = this.#context;
    const isDue = this.#flushing && slot.index > this.#flushIndex && slot.index < this.#flushCount;
    if (!discardPending && isDue) this.#deliver(slot.index, this.#flushFrom, undefined);
    else if (!discardPending && this.cursor < log.next) {
      log.describe(this.cursor, this.#facts);
      this.#batches.fill(undefined);
      this.#deliver(slot.index, this.cursor, undefined);
      this.#batches.fill(undefined);
    }
    this.#drop(slot.index);
    if (!this.#flushing) this.#compact();
  }

  /** Lets go of every viewer. */
  clear(): void {
    for (let index = 0; index < this.#count; index += 1) this.#drop(index);
    if (!this.#flushing) this.#compact();
  }

  counters(slot: Slot): FanoutCounters {
    const { index } = slot;
    if (index < 0) return slot.final;
    return { frames: this.#frames[index] ?? 0, bytes: this.#bytes[index] ?? 0, droppedFrames: this.#dropped[index] ?? 0 };
  }

  needsKey(slot: Slot): boolean {
    return slot.index < 0 ? slot.leftNeedingKey : this.#needsKey[slot.index] === 1;
  }

  /** Hands everything pending to every viewer: one buffer for all viewers of a mode. */
  flush(): void {
    const { log } = this.#context;
    const from = this.cursor;
    if (this.#flushing || from === log.next) return;
    this.cursor = log.next;
    if (this.#live === 0) return;
    log.describe(from, this.#facts);
    const overflowed: FanoutSink[] = [];
    this.#flushing = true;
    // Viewers added by a callback meanwhile stand behind this count and get the next batch first.
    this.#flushFrom = from;
    this.#flushCount = this.#count;
    for (this.#flushIndex = 0; this.#flushIndex < this.#flushCount; this.#flushIndex += 1) this.#deliver(this.#flushIndex, from, overflowed);
    this.#flushing = false;
    this.#batches.fill(undefined);
    this.#compact();
    for (const sink of overflowed) this.#tellOverflow(sink);
  }

  #deliver(index: number, from: number, overflowed: FanoutSink[] | undefined): void {
    const sink = this.#sinks[index];
    if (sink === undefined) return;
    try {
      // A viewer that leaves of its own accord isn't disconnected: it takes its place, headers included, elsewhere.
      const mode = this.#modeFor(index, sink, overflowed === undefined);
      if (mode === undefined) {
        this.#drop(index);
        overflowed?.push(sink);
        return;
      }
      const batch = (this.#batches[mode] ??= this.#context.log.batch(from, mode));
      this.#account(index, mode, batch.length);
      if (batch.length > 0) sink.write(batch);
    } catch (error) {
      this.#context.onFault(error);
      this.#drop(index);
      overflowed?.push(sink);
    }
  }

  /** What the viewer gets of this batch by how far it is behind; undefined when it has to go. */
  #modeFor(index: number, sink: FanoutSink, isLeaving: boolean): BatchMode | undefined {
    const { backlogBytes } = sink;
    if (backlogBytes === 0 && this.#needsKey[index] === 0) {
      this.#fullSinceMs[index] = NaN;
      this.#preambleBytes[index] = 0;
      return BatchMode.all;
    }
    const { limits } = this.#context;
    const preambleBytes = Math.min(this.#preambleBytes[index] ?? 0, backlogBytes);
    this.#preambleBytes[index] = preambleBytes;
    const ownBytes = backlogBytes - preambleBytes;
    const pressure = pressureOf(ownBytes, this.#context.ageMs(ownBytes), limits);
    if (pressure === 'full' || pressure === 'hard') {
      const nowMs = this.#context.nowMs();
      const sinceMs = this.#fullSinceMs[index] ?? NaN;
      if (Number.isNaN(sinceMs)) this.#fullSinceMs[index] = nowMs;
      else if (!isLeaving && nowMs - sinceMs >= limits.disconnectAfterMs) return undefined;
      return pressure === 'full' ? BatchMode.sound : BatchMode.none;
    }
    this.#fullSinceMs[index] = NaN;
    if (pressure === 'half') return BatchMode.keysAndSound;
    return this.#needsKey[index] === 1 ? BatchMode.fromKey : BatchMode.all;
  }

  /** Counts what the mode gives and drops, and notes whether the viewer can decode what comes next. */
  #account(index: number, mode: BatchMode, bytes: number): void {
    const { sounds, keys, deltas, beforeKey, endsInDelta } = this.#facts;
    const total = sounds + keys + deltas;
    let frames = total;
    if (mode === BatchMode.keysAndSound) {
      frames = sounds + keys;
      if (endsInDelta) this.#needsKey[index] = 1;
      else if (keys > 0) this.#needsKey[index] = 0;
    } else if (mode === BatchMode.fromKey) {
      frames = keys > 0 ? total - beforeKey : sounds;
      if (keys > 0) this.#needsKey[index] = 0;
      else if (deltas > 0) this.#context.onKeyFrameWanted();
    } else if (mode !== BatchMode.all) {
      frames = mode === BatchMode.sound ? sounds : 0;
      if (keys + deltas > 0) this.#needsKey[index] = 1;
    }
    this.#frames[index] = (this.#frames[index] ?? 0) + frames;
    this.#dropped[index] = (this.#dropped[index] ?? 0) + total - frames;
    this.#bytes[index] = (this.#bytes[index] ?? 0) + bytes;
  }

  #tellOverflow(sink: FanoutSink): void {
    try {
      sink.onOverflow();
    } catch (error) {
      this.#context.onFault(error);
    }
  }

  #drop(index: number): void {
    const slot = this.#slots[index];
    if (slot === undefined || slot.index < 0) return;
    slot.final = this.counters(slot);
    slot.leftNeedingKey = this.needsKey(slot);
    slot.index = -1;
    this.#sinks[index] = undefined;
    this.#live -= 1;
  }

  /** Closes the gaps that dropped viewers left, the last viewers filling them. */
  #compact(): void {
    let index = 0;
    while (index < this.#count) {
      if (this.#sinks[index] !== undefined) {
        index += 1;
        continue;
      }
      this.#count -= 1;
      if (index < this.#count) this.#move(this.#count, index);
      this.#sinks.length = this.#count;
      this.#slots.length = this.#count;
    }
  }

  #move(from: number, to: number): void {
    const slot = this.#slots[from];
    if (slot === undefined) return;
    this.#sinks[to] = this.#sinks[from];
    this.#slots[to] = slot;
    if (slot.index >= 0) slot.index = to;
    this.#needsKey[to] = this.#needsKey[from] ?? 0;
    for (const column of [this.#fullSinceMs, this.#preambleBytes, this.#frames, this.#bytes, this.#dropped]) column[to] = column[from] ?? 0;
  }

  #grow(): void {
    const grown = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const bigger = new Float64Array(column.length * 2);
      bigger.set(column);
      return bigger;
    };
    const needsKey = new Uint8Array(this.#needsKey.length * 2);
    needsKey.set(this.#needsKey);
    this.#needsKey = needsKey;
    this.#fullSinceMs = grown(this.#fullSinceMs);
    this.#preambleBytes = grown(this.#preambleBytes);
    this.#frames = grown(this.#frames);
    this.#bytes = grown(this.#bytes);
    this.#dropped = grown(this.#dropped);
  }
}
