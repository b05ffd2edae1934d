import { ProtocolError } from '../errors/wcs-error.ts';
import { PieceQueue } from '../formats/piece-queue.ts';

/** Bytes before the payload of a frame. */
export const FRAME_HEADER_BYTES = 28;
/** Largest frame, header included; a longer one is the fault of a broken child. */
export const FRAME_MAX_BYTES = 16 * 1024 * 1024;

/** Highest number of an input or an output: a frame has sixteen bits for it. */
export const LAST_PORT = 0xffff;

const KIND = { json: 0, packet: 1 } as const;
const FLAG = { key: 1, discontinuity: 2 } as const;
const TWO_32 = 2 ** 32;

/** One message between a process and its child. */
export type ChildFrame = JsonFrame | PacketFrame;

/** A command to a job or an event of one; job 0 is the child itself. */
export interface JsonFrame {
  readonly kind: 'json';
  readonly job: number;
  readonly value: unknown;
}

/** Media, compressed, one access unit. */
export interface PacketFrame extends JobPacket {
  readonly kind: 'packet';
  readonly job: number;
}

/** A compressed access unit on its way into a job or out of it. */
export interface JobPacket {
  /** Which input, or which output, of the job. */
  readonly port: number;
  readonly key: boolean;
  readonly discontinuity?: boolean;
  /** Integer microseconds, may be negative. */
  readonly ptsUs: number;
  readonly dtsUs: number;
  /** `wallStampMs()` of when the medium entered the chain: tells how old it is. */
  readonly stampMs: number;
  readonly data: Uint8Array;
}

/** Wall time in milliseconds, the lower 32 bits: the one clock that parent and child share. */
export function wallStampMs(): number {
  return Date.now() % TWO_32;
}

/** How long ago a stamp was taken, in milliseconds. */
export function stampAgeMs(stampMs: number, nowMs = wallStampMs()): number {
  return (nowMs - stampMs) | 0;
}

/** Bytes of the frame that a packet makes. @throws ProtocolError for one that is too large */
export function packetFrameBytes({ data }: JobPacket): number {
  return checked(FRAME_HEADER_BYTES + data.length);
}

/**
 * Writes the frame of a packet at a place that has room for all of it. Little endian:
 *
 *     0 u32 length of all   4 u8 kind   5 u8 flags   6 u16 port   8 u32 job
 *    12 i64 pts (us)       20 i32 pts - dts (us)    24 u32 stamp (ms)      28 payload
 *
 * Job and packet come by themselves, not as one `PacketFrame`: copying each packet into one costs more than all of this.
 */
export function writePacketFrame(bytes: Buffer, at: number, job: number, packet: JobPacket): void {
  const { data, ptsUs, dtsUs } = packet;
  bytes.writeUInt32LE(FRAME_HEADER_BYTES + data.length, at);
  bytes[at + 4] = KIND.packet;
  bytes[at + 5] = (packet.key ? FLAG.key : 0) | (packet.discontinuity === true ? FLAG.discontinuity : 0);
  bytes.writeUInt16LE(packet.port, at + 6);
  bytes.writeUInt32LE(job, at + 8);
  writeInt64(bytes, ptsUs, at + 12);
  bytes.writeInt32LE(Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, ptsUs - dtsUs)), at + 20);
  bytes.writeUInt32LE(packet.stampMs, at + 24);
  bytes.set(data, at + FRAME_HEADER_BYTES);
}

/** The frame of a packet by itself. @throws ProtocolError for one that is too large */
export function encodePacket(job: number, packet: JobPacket): Buffer {
  const bytes = Buffer.allocUnsafe(packetFrameBytes(packet));
  writePacketFrame(bytes, 0, job, packet);
  return bytes;
}

/** The frame of a command or an event; what only packets have is zero. @throws ProtocolError for one that is too large */
export function encodeJson(job: number, value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value));
  const bytes = Buffer.alloc(checked(FRAME_HEADER_BYTES + text.length));
  bytes.writeUInt32LE(bytes.length, 0);
  bytes[4] = KIND.json;
  bytes.writeUInt32LE(job, 8);
  text.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

/** Cuts a byte stream into frames. Payloads are views of what was pushed, or of one copy of what came in pieces. */
export class FrameReader {
  readonly #onFrame: (frame: ChildFrame) => void;
  readonly #queue = new PieceQueue();
  /** So much is waited for: a header, then the frame. */
  #wantedBytes = FRAME_HEADER_BYTES;

  constructor(onFrame: (frame: ChildFrame) => void) {
    this.#onFrame = onFrame;
  }

  /** @throws ProtocolError for what is no frame: the other side is broken, and so is everything after it */
  push(chunk: Buffer): void {
    const rest = this.#queue.length === 0 ? this.#readWhole(chunk) : 0;
    if (rest === chunk.length) return;
    this.#queue.push(rest === 0 ? chunk : chunk.subarray(rest));
    for (let bytes = this.#queue.peek(this.#wantedBytes); bytes !== undefined; bytes = this.#queue.peek(this.#wantedBytes)) {
      const length = lengthAt(bytes, 0);
      this.#wantedBytes = length;
      if (bytes.length < length) continue;
      // Taken away before the call: what it throws must not bring the frame back.
      this.#queue.skip(length);
      this.#wantedBytes = FRAME_HEADER_BYTES;
      this.#onFrame(parseFrame(bytes, 0, length));
    }
  }

  /** Reads the frames that a chunk has whole where they lie, as nearly all come; answers where the rest begins. */
  #readWhole(chunk: Buffer): number {
    let at = 0;
    try {
      while (chunk.length - at >= FRAME_HEADER_BYTES) {
        const length = lengthAt(chunk, at);
        if (at + length > chunk.length) break;
        // Counts as taken before the call: what it throws must not bring the frame back, nor take the next ones away.
        at += length;
        this.#onFrame(parseFrame(chunk, at - length, length));
      }
    } catch (error) {
      if (at < chunk.length) this.#queue.push(chunk.subarray(at));
      throw error;
    }
    return at;
  }
}

/** @throws ProtocolError for a length that no frame has */
function lengthAt(bytes: Buffer, at: number): number {
  return checked(bytes.readUInt32LE(at));
}

function checked(length: number): number {
  if (length < FRAME_HEADER_BYTES || length > FRAME_MAX_BYTES) throw new ProtocolError(`A frame of ${length} bytes`);
  return length;
}

function parseFrame(bytes: Buffer, at: number, length: number): ChildFrame {
  const kind = bytes[at + 4];
  const flags = bytes[at + 5] ?? 0;
  const job = bytes.readUInt32LE(at + 8);
  const payload = bytes.subarray(at + FRAME_HEADER_BYTES, at + length);
  if (kind === KIND.json) return { kind: 'json', job, value: parseJson(payload) };
  if (kind !== KIND.packet) throw new ProtocolError(`A frame of kind ${kind ?? 0}`);
  const ptsUs = readInt64(bytes, at + 12);
  const frame: PacketFrame = {
    kind: 'packet',
    job,
    port: bytes.readUInt16LE(at + 6),
    key: (flags & FLAG.key) !== 0,
    ptsUs,
    dtsUs: ptsUs - bytes.readInt32LE(at + 20),
    stampMs: bytes.readUInt32LE(at + 24),
    data: payload,
  };
  return (flags & FLAG.discontinuity) === 0 ? frame : { ...frame, discontinuity: true };
}

function parseJson(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString());
  } catch {
    throw new ProtocolError('A frame with a text that is no JSON');
  }
}

/** Exact for every safe integer. */
function writeInt64(bytes: Buffer, value: number, at: number): void {
  const high = Math.floor(value / TWO_32);
  bytes.writeUInt32LE(value - high * TWO_32, at);
  bytes.writeInt32LE(high, at + 4);
}

function readInt64(bytes: Buffer, at: number): number {
  return bytes.readInt32LE(at + 4) * TWO_32 + bytes.readUInt32LE(at);
}
