import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { flvBodyLength, type FlvBody } from './flv-packet.ts';
import { NEED_MORE, type NeedMore } from './need-more.ts';

/** Largest body of one tag in bytes: above any picture of a live encoder. */
export const MAX_FLV_TAG_BYTES = 8 * 1024 * 1024;
/** Largest file header in bytes; version 1 has nine. */
export const MAX_FLV_HEADER_BYTES = 64;

const SIGNATURE = 'FLV';
const HEADER_BYTES = 9;
const TAG_HEADER_BYTES = 11;
const TAG_SIZE_BYTES = 4;
const HAS_AUDIO = 4;
const HAS_VIDEO = 1;
const FILTERED = 0x20;
const TAG_TYPES = { audio: 8, video: 9, script: 18 } as const;

/** A tag of an FLV file; `timestampMs` is unsigned 32-bit and wraps. @see FLV 10.1 section E.4.1 */
export interface FlvTag {
  readonly type: keyof typeof TAG_TYPES;
  readonly timestampMs: number;
  readonly body: Uint8Array;
}

/** The start of an FLV file; the flags are a promise of the writer, not always kept. @see FLV 10.1 section E.2 */
export interface FlvHeader {
  readonly type: 'header';
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
}

/** Encodes the file header with the size of the tag before the first, which is 0. */
export function encodeFlvHeader(tracks: { readonly hasAudio: boolean; readonly hasVideo: boolean }): Uint8Array {
  const flags = (tracks.hasAudio ? HAS_AUDIO : 0) | (tracks.hasVideo ? HAS_VIDEO : 0);
  return new ByteWriter(HEADER_BYTES + TAG_SIZE_BYTES).latin1(SIGNATURE).u8(1).u8(flags).u32(HEADER_BYTES).u32(0).toBytes();
}

/** Frames a body as a tag: header, the body's chunks as they are, trailing size. @throws RangeError for a body of 16 MiB or more */
export function encodeFlvTag(type: FlvTag['type'], timestampMs: number, body: FlvBody): FlvBody {
  const length = flvBodyLength(body);
  const time = timestampMs >>> 0;
  const header = new ByteWriter(TAG_HEADER_BYTES).u8(TAG_TYPES[type]).u24(length);
  header.u24(time & 0xff_ffff).u8(time >>> 24).u24(0);
  return [header.toBytes(), ...body, new ByteWriter(TAG_SIZE_BYTES).u32(TAG_HEADER_BYTES + length).toBytes()];
}

/** Takes an FLV file or live stream in pieces of any size and gives its header, then its tags. */
export class FlvReader {
  #bytes = new Uint8Array(64 * 1024);
  #start = 0;
  #end = 0;
  #begun = false;

  /** Adds bytes; drain `next` after each, so that no more than one unfinished tag is held. */
  push(bytes: Uint8Array): void {
    const held = this.#end - this.#start;
    if (this.#end + bytes.length > this.#bytes.length) {
      const needed = held + bytes.length;
      const target = needed > this.#bytes.length ? new Uint8Array(Math.max(needed, 2 * this.#bytes.length)) : this.#bytes;
      target.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = target;
      this.#start = 0;
      this.#end = held;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next header or tag, its body a copy that is the caller's. @throws ProtocolError for anything but FLV, after which the reader is of no use */
  next(): FlvHeader | FlvTag | NeedMore {
    return this.#begun ? this.#tag() : this.#header();
  }

  #header(): FlvHeader | NeedMore {
    const cursor = this.#cursor();
    if (cursor.remaining < HEADER_BYTES) return NEED_MORE;
    if (cursor.latin1(3) !== SIGNATURE) throw new ProtocolError('FLV: no FLV signature', 0);
    if (cursor.u8() !== 1) throw new ProtocolError('FLV: only version 1 is known', 3);
    const flags = cursor.u8();
    const size = cursor.u32();
    if (size < HEADER_BYTES || size > MAX_FLV_HEADER_BYTES) throw new ProtocolError(`FLV: a header of ${size} bytes`, 5);
    if (cursor.bytes.length < size + TAG_SIZE_BYTES) return NEED_MORE;
    this.#start += size + TAG_SIZE_BYTES;
    this.#begun = true;
    return { type: 'header', hasAudio: (flags & HAS_AUDIO) !== 0, hasVideo: (flags & HAS_VIDEO) !== 0 };
  }

  #tag(): FlvTag | NeedMore {
    const cursor = this.#cursor();
    if (cursor.remaining < TAG_HEADER_BYTES) return NEED_MORE;
    const type = tagType(cursor.u8());
    const length = cursor.u24();
    if (length > MAX_FLV_TAG_BYTES) throw new ProtocolError(`FLV: a tag of ${length} bytes`, 1);
    // The upper eight bits come last, and the stream id behind them is always 0.
    const timestampMs = cursor.u24() + cursor.u8() * 0x100_0000;
    cursor.skip(3);
    if (cursor.remaining < length + TAG_SIZE_BYTES) return NEED_MORE;
    const body = cursor.take(length).slice();
    // The trailing size is for reading backwards and wrong in many files, so it isn't checked.
    this.#start += TAG_HEADER_BYTES + length + TAG_SIZE_BYTES;
    return { type, timestampMs, body };
  }

  #cursor(): ByteCursor {
    return new ByteCursor(this.#bytes.subarray(this.#start, this.#end));
  }
}

function tagType(byte: number): FlvTag['type'] {
  if ((byte & FILTERED) !== 0) throw new ProtocolError('FLV: encrypted tags are not supported', 0);
  switch (byte & 0x1f) {
    case TAG_TYPES.audio:
      return 'audio';
    case TAG_TYPES.video:
      return 'video';
    case TAG_TYPES.script:
      return 'script';
    default:
      throw new ProtocolError(`FLV: tag type ${byte & 0x1f} is unknown`, 0);
  }
}
