import { ProtocolError } from 'wcs-core';
import { CONTAINERS, ID } from './matroska.ts';

/** What the head of a file says of its one track. */
export interface ReadTrack {
  readonly codecPrivate: Uint8Array | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly sampleRateHz: number | undefined;
  readonly channels: number | undefined;
}

/** One unit. */
export interface ReadBlock {
  readonly ptsUs: number;
  readonly key: boolean;
  readonly data: Uint8Array;
}

/** Told what comes. */
export interface MatroskaSink {
  /** Before the first block. */
  onTrack(track: ReadTrack): void;
  onBlock(block: ReadBlock): void;
}

/** Largest element that isn't taken apart; a longer one is no medium. */
const MAX_ELEMENT_BYTES = 16 * 1024 * 1024;
/** Id and size at their longest. */
const MAX_HEAD_BYTES = 12;
const DEFAULT_SCALE_NS = 1_000_000;
const BLOCK_HEAD_BYTES = 4;
const KEY_FLAG = 0x80;

/** Reads a live Matroska file with one track, as ffmpeg writes it to a pipe, in pieces of any length. @see RFC 9559 */
export class MatroskaReader {
  readonly #sink: MatroskaSink;
  #bytes: Buffer = Buffer.alloc(0);
  #skip = 0;
  #scaleNs = DEFAULT_SCALE_NS;
  #clusterTicks = 0;
  #track: { -readonly [K in keyof ReadTrack]: ReadTrack[K] } = { codecPrivate: undefined, width: undefined, height: undefined, sampleRateHz: undefined, channels: undefined };
  #told = false;

  constructor(sink: MatroskaSink) {
    this.#sink = sink;
  }

  /** @throws ProtocolError for what is no Matroska */
  push(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#step());
  }

  /** Takes one element, or the head of one that holds others; false when it isn't all there. */
  #step(): boolean {
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, this.#bytes.length);
      this.#skip -= skipped;
      this.#bytes = this.#bytes.subarray(skipped);
    }
    const id = readNumber(this.#bytes, 0, 4, false);
    if (id === undefined) return this.#wait();
    const size = readNumber(this.#bytes, id.length, 8, true);
    if (size === undefined) return this.#wait();
    const head = id.length + size.length;
    if (CONTAINERS.has(id.value)) {
      this.#bytes = this.#bytes.subarray(head);
      return true;
    }
    if (!isWanted(id.value)) {
      this.#bytes = this.#bytes.subarray(head);
      this.#skip = size.value;
      return true;
    }
    if (size.value > MAX_ELEMENT_BYTES) throw new ProtocolError(`A Matroska element of ${size.value} bytes`);
    if (this.#bytes.length < head + size.value) return false;
    const content = this.#bytes.subarray(head, head + size.value);
    this.#bytes = this.#bytes.subarray(head + size.value);
    this.#take(id.value, content);
    return true;
  }

  /** Fewer bytes than the head of any element: more will come. */
  #wait(): false {
    if (this.#bytes.length >= MAX_HEAD_BYTES) throw new ProtocolError('This is no Matroska');
    return false;
  }

  #take(id: number, content: Buffer): void {
    if (id === ID.timestampScale) this.#scaleNs = unsigned(content);
    else if (id === ID.codecPrivate) this.#track.codecPrivate = Uint8Array.from(content);
    else if (id === ID.pixelWidth) this.#track.width = unsigned(content);
    else if (id === ID.pixelHeight) this.#track.height = unsigned(content);
    else if (id === ID.samplingFrequency) this.#track.sampleRateHz = content.length === 4 ? content.readFloatBE() : content.readDoubleBE();
    else if (id === ID.channels) this.#track.channels = unsigned(content);
    else if (id === ID.timestamp) this.#clusterTicks = unsigned(content);
    else this.#onBlock(id, content);
  }

  #onBlock(id: number, content: Buffer): void {
    if (content.length < BLOCK_HEAD_BYTES) throw new ProtocolError('A Matroska block without a head');
    if (!this.#told) {
      this.#told = true;
      this.#sink.onTrack(this.#track);
    }
    const ticks = this.#clusterTicks + content.readInt16BE(1);
    // Only a simple block says itself whether it is a key frame; ffmpeg writes others for what isn't video.
    const key = id === ID.block || ((content[3] ?? 0) & KEY_FLAG) !== 0;
    this.#sink.onBlock({ ptsUs: Math.round((ticks * this.#scaleNs) / 1000), key, data: content.subarray(BLOCK_HEAD_BYTES) });
  }
}

const WANTED: ReadonlySet<number> = new Set([ID.timestampScale, ID.codecPrivate, ID.pixelWidth, ID.pixelHeight, ID.samplingFrequency, ID.channels, ID.timestamp, ID.simpleBlock, ID.block]);

function isWanted(id: number): boolean {
  return WANTED.has(id);
}

/** A number of variable length, with or without its length marker; undefined where bytes are missing or it is too long. */
function readNumber(bytes: Buffer, at: number, maxLength: number, withoutMarker: boolean): { readonly value: number; readonly length: number } | undefined {
  const first = bytes[at];
  if (first === undefined || first === 0) return undefined;
  const length = Math.clz32(first) - 23;
  if (length > maxLength || at + length > bytes.length) return undefined;
  let value = withoutMarker ? first & (0xff >> length) : first;
  let unknown = value === 0xff >> length;
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0;
    unknown &&= byte === 0xff;
    value = value * 256 + byte;
  }
  return { value: withoutMarker && unknown ? 0 : value, length };
}

function unsigned(content: Buffer): number {
  let value = 0;
  for (const byte of content) value = value * 256 + byte;
  return value;
}
