import { ProtocolError } from '../errors/wcs-error.ts';
import { ByteCursor } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** What an Opus decoder must know, from an OpusHead (Ogg, Matroska) or a dOps box (MP4). @see RFC 7845 section 5.1 */
export interface OpusConfig {
  readonly channels: number;
  /** Samples at 48 kHz to leave out at the start. */
  readonly preSkip: number;
  /** Rate of the source before encoding, for information; decoders put out 48 kHz. */
  readonly inputSampleRateHz: number;
  /** Gain to apply, in 1/256 dB. */
  readonly outputGain: number;
  /** Channel mapping; without one the family is 0 (mono or stereo in one stream). */
  readonly mapping?: {
    readonly family: number;
    readonly streamCount: number;
    readonly coupledCount: number;
    /** One entry a channel. */
    readonly table: Uint8Array;
  };
}

/** The clock of every Opus packet. */
export const OPUS_CLOCK_RATE_HZ = 48000;

/** The `codecs` parameter. */
export const OPUS_CODEC_STRING = 'opus';

const MAGIC = 'OpusHead';
const MAX_PACKET_SAMPLES = 5760;
/** From this table of contents on, the frames are of the transform coder alone. */
const FIRST_CELT_TOC = 16 << 3;
/** Samples at 48 kHz of one frame by the two low bits of the configuration. @see RFC 6716 table 2 */
const SILK_FRAME_SAMPLES: readonly number[] = [480, 960, 1920, 2880];
const HYBRID_FRAME_SAMPLES: readonly number[] = [480, 960, 480, 960];
const CELT_FRAME_SAMPLES: readonly number[] = [120, 240, 480, 960];

/** Reads an OpusHead (little-endian, with its magic word). */
export function parseOpusHead(bytes: Uint8Array): OpusConfig {
  const cursor = new ByteCursor(bytes);
  if (cursor.latin1(MAGIC.length) !== MAGIC) throw new ProtocolError('No OpusHead', 0);
  if (cursor.u8() >> 4 !== 0) throw new ProtocolError('An OpusHead of an unknown version', 8);
  const channels = cursor.u8();
  const preSkip = swap16(cursor.u16());
  const inputSampleRateHz = swap16(cursor.u16()) + 0x10000 * swap16(cursor.u16());
  const outputGain = (swap16(cursor.u16()) << 16) >> 16;
  return withMapping(cursor, { channels, preSkip, inputSampleRateHz, outputGain });
}

/** Writes an OpusHead. */
export function encodeOpusHead(config: OpusConfig): Uint8Array {
  const writer = new ByteWriter(32).latin1(MAGIC).u8(1).u8(config.channels);
  writer.u16(swap16(config.preSkip)).u16(swap16(config.inputSampleRateHz % 0x10000)).u16(swap16(Math.floor(config.inputSampleRateHz / 0x10000)));
  writer.u16(swap16(config.outputGain & 0xffff));
  return putMapping(writer, config);
}

/** Reads the body of a dOps box (big-endian). @see Encapsulation of Opus in ISO Base Media File Format section 4.3.2 */
export function parseDops(body: Uint8Array): OpusConfig {
  const cursor = new ByteCursor(body);
  if (cursor.u8() !== 0) throw new ProtocolError('A dOps box of an unknown version', 0);
  const channels = cursor.u8();
  const preSkip = cursor.u16();
  const inputSampleRateHz = cursor.u32();
  return withMapping(cursor, { channels, preSkip, inputSampleRateHz, outputGain: cursor.i16() });
}

/** Writes the body of a dOps box. */
export function encodeDops(config: OpusConfig): Uint8Array {
  const writer = new ByteWriter(32).u8(0).u8(config.channels);
  writer.u16(config.preSkip).u32(config.inputSampleRateHz).i16(config.outputGain);
  return putMapping(writer, config);
}

/** Samples at 48 kHz in a packet, told by its first one or two bytes; at most 5760 (120 ms). @see RFC 6716 section 3.1 */
export function opusPacketSamples(packet: Uint8Array): number {
  const toc = packet[0];
  if (toc === undefined) throw new ProtocolError('An empty Opus packet', 0);
  const samples = frameCount(packet, toc & 0x03) * frameSamples(toc >> 3);
  if (samples === 0 || samples > MAX_PACKET_SAMPLES) throw new ProtocolError(`An Opus packet of ${samples} samples`, 1);
  return samples;
}

/** Duration of a packet in microseconds. @see RFC 6716 section 3.1 */
export function opusPacketDurationUs(packet: Uint8Array): number {
  return (opusPacketSamples(packet) * 125) / 6;
}

/** True for a packet with one frame of digital silence, which its first symbol says: fifteen ones. @see RFC 6716 sections 4.1.2 and 4.3 */
export function isSilentOpusPacket(packet: Uint8Array): boolean {
  const toc = packet[0] ?? 0;
  const isSingleCeltFrame = toc >= FIRST_CELT_TOC && (toc & 0x03) === 0;
  return isSingleCeltFrame && packet[1] === 0xff && ((packet[2] ?? 0) & 0xfe) === 0xfe;
}

/** Whether a packet is coded in stereo. */
export function isStereoOpusPacket(packet: Uint8Array): boolean {
  return ((packet[0] ?? 0) & 0x04) !== 0;
}

function frameSamples(configuration: number): number {
  const table = configuration < 12 ? SILK_FRAME_SAMPLES : configuration < 16 ? HYBRID_FRAME_SAMPLES : CELT_FRAME_SAMPLES;
  return table[configuration & 0x03] ?? 0;
}

function frameCount(packet: Uint8Array, code: number): number {
  if (code === 0) return 1;
  if (code < 3) return 2;
  const count = packet[1];
  if (count === undefined) throw new ProtocolError('An Opus packet ends before its frame count', 1);
  return count & 0x3f;
}

function withMapping(cursor: ByteCursor, base: Omit<OpusConfig, 'mapping'>): OpusConfig {
  const family = cursor.u8();
  if (base.channels === 0 || (family === 0 && base.channels > 2)) {
    throw new ProtocolError(`Opus mapping family ${family} with ${base.channels} channels`, cursor.position);
  }
  if (family === 0) return base;
  return { ...base, mapping: { family, streamCount: cursor.u8(), coupledCount: cursor.u8(), table: cursor.take(base.channels) } };
}

function putMapping(writer: ByteWriter, { mapping, channels }: OpusConfig): Uint8Array {
  if (mapping === undefined) return writer.u8(0).toBytes();
  if (mapping.table.length !== channels) throw new RangeError('An Opus mapping needs one entry a channel');
  return writer.u8(mapping.family).u8(mapping.streamCount).u8(mapping.coupledCount).put(mapping.table).toBytes();
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}
