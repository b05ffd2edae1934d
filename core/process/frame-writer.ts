import { encodeJson, encodePacket, packetFrameBytes, writePacketFrame, type JobPacket } from './framing.ts';

/** The part of a `Writable` that is used. */
export interface FrameSink {
  cork(): void;
  uncork(): void;
  write(bytes: Uint8Array): unknown;
}

/** A frame from this size on goes out at once, with what waits: it took long enough to make, and is worth a call of its own. */
export const LARGE_FRAME_BYTES = 2048;
/** Small frames are written into memory of this size one after another; a new one is taken when it is used up. */
const SLAB_BYTES = 64 * 1024;

/**
 * Writes frames to the other process, the small ones of one turn of the event loop together, or of some milliseconds: each write
 * of its own is a call of the system here and wakes the other side up, which costs more than most packets of sound do. They are
 * gathered here and not in the stream, whose bookkeeping for each piece costs more than the copy.
 */
export class FrameWriter {
  readonly #sink: FrameSink;
  readonly #gatherMs: number;
  #slab = Buffer.alloc(0);
  /** What waits lies from here to there in the slab; what is before belongs to the stream. */
  #from = 0;
  #to = 0;
  #isPlanned = false;

  /** @param gatherMs how long small frames wait for others; 0: until the end of the turn */
  constructor(sink: FrameSink, gatherMs = 0) {
    this.#sink = sink;
    this.#gatherMs = gatherMs;
  }

  /** Bytes that wait here. */
  get waitingBytes(): number {
    return this.#to - this.#from;
  }

  /** A command or an event. @throws ProtocolError for one that is too large */
  json(job: number, value: unknown): void {
    const bytes = encodeJson(job, value);
    if (bytes.length >= LARGE_FRAME_BYTES) { this.#writeLarge(bytes); return; }
    this.#makeRoom(bytes.length);
    this.#slab.set(bytes, this.#to);
    this.#hold(bytes.length);
  }

  /** @throws ProtocolError for one that is too large, RangeError for a number that has no place in a frame */
  packet(job: number, packet: JobPacket): void {
    const length = packetFrameBytes(packet);
    if (length >= LARGE_FRAME_BYTES) { this.#writeLarge(encodePacket(job, packet)); return; }
    this.#makeRoom(length);
    writePacketFrame(this.#slab, this.#to, job, packet);
    this.#hold(length);
  }

  /** Writes what waits. */
  flush(): void {
    if (this.#from === this.#to) return;
    const waiting = this.#slab.subarray(this.#from, this.#to);
    this.#from = this.#to;
    this.#sink.write(waiting);
  }

  /** For so many bytes after those that wait. */
  #makeRoom(length: number): void {
    if (this.#to + length <= this.#slab.length) return;
    this.flush();
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#from = this.#to = 0;
  }

  /** A frame is there whole: it waits. */
  #hold(length: number): void {
    this.#to += length;
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    if (this.#gatherMs > 0) setTimeout(this.#onDue, this.#gatherMs).unref();
    else setImmediate(this.#onDue);
  }

  readonly #onDue = (): void => {
    this.#isPlanned = false;
    this.flush();
  };

  /** In one call of the system with what waits. */
  #writeLarge(bytes: Buffer): void {
    this.#sink.cork();
    this.flush();
    this.#sink.write(bytes);
    this.#sink.uncork();
  }
}
