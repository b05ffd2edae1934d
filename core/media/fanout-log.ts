/** Takes the wire bytes of one message; nothing but appending. Numbers are big-endian. */
export interface BatchWriter {
  u8(value: number): void;
  u16(value: number): void;
  u24(value: number): void;
  u32(value: number): void;
  /** Copies the bytes in. */
  put(bytes: Uint8Array): void;
}

/** What a message is to a viewer that falls behind. */
export const MessageClass = { sound: 0, key: 1, delta: 2, always: 3 } as const;
export type MessageClass = (typeof MessageClass)[keyof typeof MessageClass];

/** What a viewer gets of a batch: everything, key frames and sound, sound, from the first key frame on (and sound), or only what is never dropped. */
export const BatchMode = { all: 0, keysAndSound: 1, sound: 2, fromKey: 3, none: 4 } as const;
export type BatchMode = (typeof BatchMode)[keyof typeof BatchMode];
export const BATCH_MODES = 5;

/** What is in a batch. */
export interface BatchFacts {
  sounds: number;
  keys: number;
  deltas: number;
  /** Video messages before the first key frame. */
  beforeKey: number;
  endsInDelta: boolean;
}

const SLAB_BYTES = 64 * 1024;
const INITIAL_MESSAGES = 256;

/**
 * The messages of a stream that some group of viewers hasn't got yet, back to back in one piece of memory: a batch of any
 * group is a slice of it. Memory once written is never written again, since sockets may still hold slices.
 * Positions and message numbers count from the beginning of time.
 */
export class FanoutLog implements BatchWriter {
  /** The oldest message that a group still has to get. */
  readonly #oldestNeeded: () => number;
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #slabStart = 0;
  #end = 0;
  #starts = new Float64Array(INITIAL_MESSAGES);
  #classes = new Uint8Array(INITIAL_MESSAGES);
  #first = 0;
  #next = 0;

  constructor(oldestNeeded: () => number) {
    this.#oldestNeeded = oldestNeeded;
  }

  /** Number of the next message. */
  get next(): number {
    return this.#next;
  }

  /** Total bytes ever appended. */
  get endBytes(): number {
    return this.#end;
  }

  /** Appends one message; if `write` throws or writes nothing, there is none. */
  append(messageClass: MessageClass, write: (out: BatchWriter) => void): void {
    this.#makeRoomForMessage();
    const slot = this.#next - this.#first;
    const start = this.#end;
    this.#starts[slot] = start;
    this.#classes[slot] = messageClass;
    this.#next += 1;
    try {
      write(this);
    } catch (error) {
      this.#end = start;
      throw error;
    } finally {
      if (this.#end === start) this.#next -= 1;
    }
  }

  /** Bytes of the messages from that number on. */
  bytesFrom(message: number): number {
    return this.#end - this.#startOf(message);
  }

  describe(from: number, facts: BatchFacts): void {
    facts.sounds = facts.keys = facts.deltas = facts.beforeKey = 0;
    facts.endsInDelta = false;
    for (let message = from; message < this.#next; message += 1) {
      const messageClass = this.#classes[message - this.#first];
      if (messageClass === MessageClass.sound) facts.sounds += 1;
      if (messageClass === MessageClass.key) facts.keys += 1;
      if (messageClass === MessageClass.delta) {
        facts.deltas += 1;
        if (facts.keys === 0) facts.beforeKey += 1;
      }
      if (messageClass === MessageClass.key || messageClass === MessageClass.delta) facts.endsInDelta = messageClass === MessageClass.delta;
    }
  }

  /** The bytes of a mode: a slice for `all`, a copy for the others. */
  batch(from: number, mode: BatchMode): Uint8Array {
    const whole = this.#slab.subarray(this.#startOf(from) - this.#slabStart, this.#end - this.#slabStart);
    if (mode === BatchMode.all) return whole;
    const out = Buffer.allocUnsafe(whole.length);
    let length = 0;
    let keySeen = false;
    for (let message = from; message < this.#next; message += 1) {
      const messageClass = this.#classes[message - this.#first];
      keySeen ||= messageClass === MessageClass.key;
      if (!includes(mode, messageClass, keySeen)) continue;
      length += this.#slab.copy(out, length, this.#startOf(message) - this.#slabStart, this.#startOf(message + 1) - this.#slabStart);
    }
    return out.subarray(0, length);
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#slab[at] = value;
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#slab[at] = value >>> 8;
    this.#slab[at + 1] = value;
  }

  u24(value: number): void {
    const at = this.#reserve(3);
    this.#slab[at] = value >>> 16;
    this.#slab[at + 1] = value >>> 8;
    this.#slab[at + 2] = value;
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#slab[at] = value >>> 24;
    this.#slab[at + 1] = value >>> 16;
    this.#slab[at + 2] = value >>> 8;
    this.#slab[at + 3] = value;
  }

  put(bytes: Uint8Array): void {
    // Reserved first: that may put a new slab in place.
    const at = this.#reserve(bytes.length);
    this.#slab.set(bytes, at);
  }

  #startOf(message: number): number {
    return message >= this.#next ? this.#end : (this.#starts[message - this.#first] ?? this.#end);
  }

  /** Index in the slab of `bytes` free ones; what is still needed moves to a new slab when this one is full. */
  #reserve(bytes: number): number {
    if (this.#end - this.#slabStart + bytes > this.#slab.length) {
      const keepFrom = this.#startOf(Math.min(this.#oldestNeeded(), this.#next - 1));
      const kept = this.#slab.subarray(keepFrom - this.#slabStart, this.#end - this.#slabStart);
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, (kept.length + bytes) * 2));
      this.#slab.set(kept);
      this.#slabStart = keepFrom;
    }
    const at = this.#end - this.#slabStart;
    this.#end += bytes;
    return at;
  }

  #makeRoomForMessage(): void {
    if (this.#next - this.#first < this.#starts.length) return;
    const stale = Math.min(this.#oldestNeeded(), this.#next) - this.#first;
    if (stale > 0) {
      this.#starts.copyWithin(0, stale);
      this.#classes.copyWithin(0, stale);
      this.#first += stale;
      return;
    }
    const starts = new Float64Array(this.#starts.length * 2);
    const classes = new Uint8Array(this.#classes.length * 2);
    starts.set(this.#starts);
    classes.set(this.#classes);
    this.#starts = starts;
    this.#classes = classes;
  }
}

function includes(mode: BatchMode, messageClass: number | undefined, keySeen: boolean): boolean {
  if (messageClass === MessageClass.always) return true;
  if (mode === BatchMode.none) return false;
  if (messageClass === MessageClass.sound) return true;
  if (mode === BatchMode.fromKey) return keySeen;
  return mode === BatchMode.keysAndSound && messageClass === MessageClass.key;
}
