import { ByteWriter } from './byte-writer.ts';
import { clockStreamOf, PMT_PID, TS_PACKET_BYTES, type TsCodec, type TsStream } from './mpegts-stream.ts';

const PROGRAM_NUMBER = 1;
const TRANSPORT_STREAM_ID = 1;
const PAT_TABLE_ID = 0;
const PMT_TABLE_ID = 2;
const SECTION_HEADER_BYTES = 8;
const CRC_BYTES = 4;
/** Packet header and pointer field in front of a section. */
const SECTION_START = 5;
const REGISTRATION_DESCRIPTOR = 0x05;
const EXTENSION_DESCRIPTOR = 0x7f;
const OPUS_AUDIO_EXTENSION = 0x80;

/** @see ISO/IEC 13818-1 table 2-34; Opus is private data that its registration descriptor names. */
const STREAM_TYPES = { h264: 0x1b, hevc: 0x24, aac: 0x0f, mp3: 0x03, opus: 0x06 } as const satisfies Record<TsCodec, number>;

/** The program association packet: one program, whose map is at `PMT_PID`; its continuity counter is 0. */
export function encodePat(): Uint8Array {
  const body = new ByteWriter(4).u16(PROGRAM_NUMBER).u16(0xe000 | PMT_PID);
  return packetOf(0, sectionOf(PAT_TABLE_ID, TRANSPORT_STREAM_ID, 0, body.view()));
}

/**
 * The program map packet of `streams`; its continuity counter is 0.
 *
 * @param version 0 to 31, changed whenever the streams change
 * @throws RangeError when the streams do not fit in one packet
 * @see ISO/IEC 13818-1 section 2.4.4.8
 */
export function encodePmt(streams: readonly TsStream[], version: number): Uint8Array {
  const body = new ByteWriter().u16(0xe000 | clockStreamOf(streams).pid).u16(0xf000);
  for (const stream of streams) {
    const descriptors = descriptorsOf(stream);
    body.u8(STREAM_TYPES[stream.codec]).u16(0xe000 | stream.pid).u16(0xf000 | descriptors.length).put(descriptors);
  }
  return packetOf(PMT_PID, sectionOf(PMT_TABLE_ID, PROGRAM_NUMBER, version, body.view()));
}

/** Format identifier and channel configuration. @see Encapsulation of Opus in MPEG-TS (draft 0.1.3), section 4 */
function descriptorsOf(stream: TsStream): Uint8Array {
  if (stream.codec !== 'opus') return new Uint8Array(0);
  const writer = new ByteWriter(10).u8(REGISTRATION_DESCRIPTOR).u8(4).latin1('Opus');
  return writer.u8(EXTENSION_DESCRIPTOR).u8(2).u8(OPUS_AUDIO_EXTENSION).u8(stream.channels ?? 2).toBytes();
}

/** @see ISO/IEC 13818-1 section 2.4.4.3 */
function sectionOf(tableId: number, extensionId: number, version: number, body: Uint8Array): Uint8Array {
  const writer = new ByteWriter(SECTION_HEADER_BYTES + body.length + CRC_BYTES);
  // Section syntax, reserved bits, and the length of what follows the length field.
  writer.u8(tableId).u16(0xb000 | (SECTION_HEADER_BYTES - 3 + body.length + CRC_BYTES));
  // current_next_indicator 1; the table is its only section: 0 of 0.
  writer.u16(extensionId).u8(0xc1 | (version << 1)).u16(0).put(body);
  return writer.u32(crc32Mpeg(writer.view())).toBytes();
}

function packetOf(pid: number, section: Uint8Array): Uint8Array {
  const room = TS_PACKET_BYTES - SECTION_START;
  if (section.length > room) throw new RangeError(`A table of ${section.length} bytes does not fit in the ${room} of one packet`);
  const packet = new Uint8Array(TS_PACKET_BYTES).fill(0xff);
  // Payload unit start; payload only; pointer field 0.
  packet.set([0x47, 0x40 | (pid >> 8), pid & 0xff, 0x10, 0]);
  packet.set(section, SECTION_START);
  return packet;
}

/** The checksum of table sections: polynomial 0x04c11db7, most significant bit first. @see ISO/IEC 13818-1 annex A */
export function crc32Mpeg(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000_0000 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  }
  return crc >>> 0;
}
