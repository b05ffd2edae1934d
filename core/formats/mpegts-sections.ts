import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import type { TsCodec } from './mpegts-stream.ts';
import { crc32Mpeg } from './mpegts-tables.ts';

/** What an elementary stream carries: a codec of the multiplexer, or AAC in LATM. */
export type TsInputCodec = TsCodec | 'aacLatm';

/** One elementary stream, as the program map announces it. */
export interface TsInputStream {
  readonly pid: number;
  /** Undefined for what is not read. */
  readonly codec: TsInputCodec | undefined;
  /** What it is, for people: `AC-3`, `stream type 0x86`. */
  readonly name: string;
  /** Of an Opus stream, where its descriptor tells. */
  readonly channels?: number;
}

/** Elementary streams of a program at most; more are left out. */
export const MAX_INPUT_STREAMS = 32;
/** Longest PAT or PMT section, its header and checksum included. @see ISO/IEC 13818-1 section 2.4.4.3 */
const MAX_SECTION_BYTES = 1024;
const SECTION_HEAD_BYTES = 3;
const SMALLEST_SECTION_BYTES = 12;
const CRC_BYTES = 4;
const PAT_TABLE_ID = 0;
const PMT_TABLE_ID = 2;
const STUFFING_TABLE_ID = 0xff;
const DESCRIPTOR = { registration: 0x05, ac3: 0x6a, eac3: 0x7a, dts: 0x7b, aac: 0x7c, extension: 0x7f } as const;
const OPUS_AUDIO_EXTENSION = 0x80;
const PRIVATE_DATA = 0x06;

/** @see ISO/IEC 13818-1 table 2-34, and what ATSC and Blu-ray use of its private range */
const STREAM_TYPES: ReadonlyMap<number, readonly [name: string, codec?: TsInputCodec]> = new Map<number, readonly [string, TsInputCodec?]>([
  [0x01, ['MPEG-1 video']],
  [0x02, ['MPEG-2 video']],
  [0x03, ['MPEG audio', 'mp3']],
  [0x04, ['MPEG audio', 'mp3']],
  [0x0f, ['AAC', 'aac']],
  [0x10, ['MPEG-4 video']],
  [0x11, ['AAC in LATM', 'aacLatm']],
  [0x1b, ['H.264', 'h264']],
  [0x24, ['HEVC', 'hevc']],
  [0x33, ['VVC']],
  [0x81, ['AC-3']],
  [0x82, ['DTS']],
  [0x83, ['TrueHD']],
  [0x87, ['E-AC-3']],
]);
const FORMAT_IDENTIFIERS: ReadonlyMap<string, readonly [name: string, codec?: TsInputCodec]> = new Map<string, readonly [string, TsInputCodec?]>([
  ['Opus', ['Opus', 'opus']],
  ['HEVC', ['HEVC', 'hevc']],
  ['AC-3', ['AC-3']],
  ['EAC3', ['E-AC-3']],
  ['AV01', ['AV1']],
]);

/** Puts the sections of one packet id together; whatever is broken is left out, since tables are repeated. */
export class SectionAssembler {
  readonly #onSection: (section: Uint8Array) => void;
  readonly #buffer = new Uint8Array(MAX_SECTION_BYTES);
  #length = 0;
  #needed = 0;
  #open = false;

  /** @param onSection gets each section whose checksum is right, without the checksum; valid until it returns */
  constructor(onSection: (section: Uint8Array) => void) {
    this.#onSection = onSection;
  }

  /** Takes the payload of a packet. */
  push(payload: Uint8Array, startsUnit: boolean, lost: boolean): void {
    if (lost) this.#open = false;
    if (!startsUnit) return void this.#append(payload);
    const pointer = payload[0] ?? 0;
    if (pointer >= payload.length) return this.#reset();
    this.#append(payload.subarray(1, 1 + pointer));
    let rest = payload.subarray(1 + pointer);
    while (rest.length > 0 && rest[0] !== STUFFING_TABLE_ID) {
      this.#reset();
      this.#open = true;
      rest = this.#append(rest);
    }
  }

  /** Answers what belongs to the next section. */
  #append(bytes: Uint8Array): Uint8Array {
    let rest = bytes;
    while (this.#open && rest.length > 0) {
      const wanted = this.#needed === 0 ? SECTION_HEAD_BYTES - this.#length : this.#needed - this.#length;
      const part = rest.subarray(0, wanted);
      this.#buffer.set(part, this.#length);
      this.#length += part.length;
      rest = rest.subarray(part.length);
      if (this.#needed === 0 && this.#length === SECTION_HEAD_BYTES) this.#readLength();
      else if (this.#length === this.#needed) this.#finish();
    }
    return rest;
  }

  #readLength(): void {
    const needed = SECTION_HEAD_BYTES + ((((this.#buffer[1] ?? 0) & 0x0f) << 8) | (this.#buffer[2] ?? 0));
    if (needed < SMALLEST_SECTION_BYTES || needed > MAX_SECTION_BYTES) this.#reset();
    else this.#needed = needed;
  }

  #finish(): void {
    const section = this.#buffer.subarray(0, this.#length);
    this.#open = false;
    // The checksum of a section with its own checksum is 0.
    if (crc32Mpeg(section) === 0) this.#onSection(section.subarray(0, -CRC_BYTES));
    this.#reset();
  }

  #reset(): void {
    this.#length = 0;
    this.#needed = 0;
    this.#open = false;
  }
}

/** Program numbers and the packet ids of their maps; undefined for a section that is no PAT in force. @throws ProtocolError @see ISO/IEC 13818-1 section 2.4.4.4 */
export function parsePat(section: Uint8Array): readonly { readonly program: number; readonly pmtPid: number }[] | undefined {
  const cursor = bodyOf(section, PAT_TABLE_ID);
  if (cursor === undefined) return undefined;
  const programs: { program: number; pmtPid: number }[] = [];
  while (cursor.remaining >= 4) {
    const program = cursor.u16();
    const pmtPid = cursor.u16() & 0x1fff;
    if (program !== 0) programs.push({ program, pmtPid });
  }
  return programs;
}

/** The streams of a program; undefined for a section that is no map of it in force. @throws ProtocolError @see ISO/IEC 13818-1 section 2.4.4.9 */
export function parsePmt(section: Uint8Array, program: number): { readonly clockPid: number; readonly streams: readonly TsInputStream[] } | undefined {
  const cursor = bodyOf(section, PMT_TABLE_ID, program);
  if (cursor === undefined) return undefined;
  const clockPid = cursor.u16() & 0x1fff;
  cursor.skip(cursor.u16() & 0x0fff);
  const streams: TsInputStream[] = [];
  while (cursor.remaining > 0 && streams.length < MAX_INPUT_STREAMS) {
    const type = cursor.u8();
    const pid = cursor.u16() & 0x1fff;
    streams.push({ pid, ...kindOf(type, cursor.take(cursor.u16() & 0x0fff)) });
  }
  return { clockPid, streams };
}

/** Behind the eight bytes of a table that is in force. */
function bodyOf(section: Uint8Array, tableId: number, extensionId?: number): ByteCursor | undefined {
  const cursor = new ByteCursor(section);
  if (cursor.u8() !== tableId) return undefined;
  cursor.skip(2);
  if (cursor.u16() !== (extensionId ?? ((section[3] ?? 0) << 8 | (section[4] ?? 0)))) return undefined;
  const isInForce = (cursor.u8() & 1) === 1;
  cursor.skip(2);
  return isInForce ? cursor : undefined;
}

function kindOf(type: number, descriptors: Uint8Array): Omit<TsInputStream, 'pid'> {
  const known = STREAM_TYPES.get(type);
  if (known !== undefined) return named(known);
  const fallback: Omit<TsInputStream, 'pid'> = { codec: undefined, name: `stream type 0x${type.toString(16).padStart(2, '0')}` };
  return type === PRIVATE_DATA ? (privateKindOf(descriptors) ?? fallback) : fallback;
}

/** What the descriptors of private data say that it is. */
function privateKindOf(descriptors: Uint8Array): Omit<TsInputStream, 'pid'> | undefined {
  const cursor = new ByteCursor(descriptors);
  let kind: Omit<TsInputStream, 'pid'> | undefined;
  let channels: number | undefined;
  while (cursor.remaining >= 2) {
    const tag = cursor.u8();
    const body = cursor.take(cursor.u8());
    if (tag === DESCRIPTOR.registration && body.length >= 4) kind ??= named(FORMAT_IDENTIFIERS.get(new ByteCursor(body).latin1(4)));
    else if (tag === DESCRIPTOR.ac3) kind ??= { codec: undefined, name: 'AC-3' };
    else if (tag === DESCRIPTOR.eac3) kind ??= { codec: undefined, name: 'E-AC-3' };
    else if (tag === DESCRIPTOR.dts) kind ??= { codec: undefined, name: 'DTS' };
    else if (tag === DESCRIPTOR.extension && body[0] === OPUS_AUDIO_EXTENSION) channels = body[1];
  }
  return kind === undefined || channels === undefined ? kind : { ...kind, channels };
}

function named(found: readonly [name: string, codec?: TsInputCodec]): Omit<TsInputStream, 'pid'>;
function named(found: readonly [name: string, codec?: TsInputCodec] | undefined): Omit<TsInputStream, 'pid'> | undefined;
function named(found: readonly [name: string, codec?: TsInputCodec] | undefined): Omit<TsInputStream, 'pid'> | undefined {
  return found === undefined ? undefined : { name: found[0], codec: found[1] };
}

/** Reads a table, or undefined where it is broken. */
export function tolerant<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
