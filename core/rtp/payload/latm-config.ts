import { ProtocolError } from '../../errors/wcs-error.ts';
import { BitReader } from '../../formats/bit-reader.ts';
import { BitWriter } from './bit-writer.ts';

/** A StreamMuxConfig of one program with one layer, as RTP carries it. @see ISO/IEC 14496-3 section 1.7.3.1 */
export interface StreamMuxConfig {
  /** AAC frames in each AudioMuxElement. */
  readonly subFrames: number;
  /** The AudioSpecificConfig. */
  readonly audioSpecificConfig: Uint8Array;
}

const AOT_SBR = 5;
const AOT_PS = 29;
const AOT_ESCAPE = 31;
const AOT_SCALABLE: ReadonlySet<number> = new Set([6, 20]);
const AOT_BSAC = 22;
const AOT_RESILIENT: ReadonlySet<number> = new Set([17, 19, 20, 23]);
/** Object types whose configuration ends with an epConfig. */
const AOT_EP_CONFIG: ReadonlySet<number> = new Set([17, 19, 20, 21, 22, 23]);
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23]);
const EXPLICIT_RATE = 15;
/** frameLengthType, latmBufferFullness, otherDataPresent and crcCheckPresent. */
const TAIL_BITS = 3 + 8 + 1 + 1;
const SYNC_BITS = 11;
const SYNC_SBR = 0x2b7;
/** Says that the buffer's fullness isn't known. */
const BUFFER_FULLNESS_UNKNOWN = 0xff;

/** Reads a StreamMuxConfig, such as the `config` of a session description holds. @see RFC 6416 section 7.3 */
export function parseStreamMuxConfig(bytes: Uint8Array): StreamMuxConfig {
  return readStreamMuxConfig(new BitReader(bytes));
}

/** Reads a StreamMuxConfig where the reader stands, and leaves it behind it. */
export function readStreamMuxConfig(reader: BitReader): StreamMuxConfig {
  const version = reader.bits(1);
  if (version === 1 && reader.flag()) throw new ProtocolError('A StreamMuxConfig of a future version');
  if (version === 1) readValue(reader);
  if (!reader.flag()) throw new ProtocolError('LATM streams of different framing are not supported');
  const subFrames = reader.bits(6) + 1;
  if (reader.bits(4) !== 0 || reader.bits(3) !== 0) throw new ProtocolError('LATM of several programs or layers is not supported');
  const audioSpecificConfig = version === 0 ? takeAudioSpecificConfig(reader) : takeBits(reader, readValue(reader));
  // Some senders end a description's configuration here; what would follow says nothing to them.
  if (reader.remaining < TAIL_BITS) return { subFrames, audioSpecificConfig };
  if (reader.bits(3) !== 0) throw new ProtocolError('LATM frames of constant length are not supported');
  reader.skip(8);
  if (reader.flag()) skipOtherDataLength(reader, version);
  if (reader.flag()) reader.skip(8);
  return { subFrames, audioSpecificConfig };
}

/** Writes the StreamMuxConfig of one frame an element. @throws ProtocolError when the AudioSpecificConfig can't be read */
export function encodeStreamMuxConfig(audioSpecificConfig: Uint8Array): Uint8Array {
  const writer = new BitWriter();
  writeStreamMuxConfig(writer, audioSpecificConfig);
  return writer.toBytes();
}

/** Writes the StreamMuxConfig of one frame an element where the writer stands. @throws ProtocolError when the AudioSpecificConfig can't be read */
export function writeStreamMuxConfig(writer: BitWriter, audioSpecificConfig: Uint8Array): void {
  const bits = audioSpecificConfigBits(new BitReader(audioSpecificConfig));
  // Version 0, same framing, one sub-frame, one program, one layer.
  writer.bits(0, 1).bits(1, 1).bits(0, 6 + 4 + 3);
  const reader = new BitReader(audioSpecificConfig);
  for (let left = bits; left > 0; left -= 8) writer.bits(reader.bits(Math.min(8, left)), Math.min(8, left));
  writer.bits(0, 3).bits(BUFFER_FULLNESS_UNKNOWN, 8).bits(0, 2);
}

/** LatmGetValue: one to four bytes. */
function readValue(reader: BitReader): number {
  return reader.bits(8 * (reader.bits(2) + 1));
}

function skipOtherDataLength(reader: BitReader, version: number): void {
  if (version === 1) {
    readValue(reader);
    return;
  }
  while (reader.flag()) reader.skip(8);
  reader.skip(8);
}

function takeAudioSpecificConfig(reader: BitReader): Uint8Array {
  // The length is known only after reading it: a look ahead, then the bits.
  const ahead = reader.fork();
  const config = takeBits(reader, audioSpecificConfigBits(ahead));
  skipSyncExtension(reader);
  return config;
}

/** What some encoders put behind the configuration for newer decoders, though nothing belongs there. @see ISO/IEC 14496-3 section 1.6.2.1 */
function skipSyncExtension(reader: BitReader): void {
  const ahead = reader.fork();
  if (ahead.remaining < SYNC_BITS + 5 || ahead.bits(SYNC_BITS) !== SYNC_SBR) return;
  reader.skip(SYNC_BITS);
  if (reader.bits(5) === AOT_SBR && reader.flag()) skipRate(reader);
}

function takeBits(reader: BitReader, count: number): Uint8Array {
  if (count > reader.remaining) throw new ProtocolError('A StreamMuxConfig is cut short');
  const writer = new BitWriter((count + 7) >> 3);
  for (let left = count; left > 0; left -= 8) writer.bits(reader.bits(Math.min(8, left)), Math.min(8, left));
  return writer.toBytes();
}

/** How many bits an AudioSpecificConfig has, without what may follow it for newer decoders. @see ISO/IEC 14496-3 section 1.6.2.1 */
function audioSpecificConfigBits(reader: BitReader): number {
  const before = reader.remaining;
  let objectType = readObjectType(reader);
  skipRate(reader);
  const channelConfiguration = reader.bits(4);
  if (objectType === AOT_SBR || objectType === AOT_PS) {
    skipRate(reader);
    objectType = readObjectType(reader);
  }
  if (!GENERAL_AUDIO.has(objectType)) throw new ProtocolError(`Audio object type ${objectType} is not supported in LATM`);
  if (channelConfiguration === 0) throw new ProtocolError('A program config element is not supported in LATM');
  reader.skip(1);
  if (reader.flag()) reader.skip(14);
  const extended = reader.flag();
  if (AOT_SCALABLE.has(objectType)) reader.skip(3);
  if (extended) {
    if (objectType === AOT_BSAC) reader.skip(16);
    if (AOT_RESILIENT.has(objectType)) reader.skip(3);
    reader.skip(1);
  }
  if (AOT_EP_CONFIG.has(objectType)) reader.skip(2);
  return before - reader.remaining;
}

function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === AOT_ESCAPE ? 32 + reader.bits(6) : type;
}

function skipRate(reader: BitReader): void {
  if (reader.bits(4) === EXPLICIT_RATE) reader.skip(24);
}
