import { ProtocolError } from '../errors/wcs-error.ts';
import { BitReader } from './bit-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** An AudioSpecificConfig of the AAC family. @see ISO/IEC 14496-3 section 1.6.2.1 */
export interface AacConfig {
  /** Audio object type of the core: 2 is AAC LC. */
  readonly objectType: number;
  /** Rate of the core decoder. */
  readonly sampleRateHz: number;
  /** channelConfiguration: 1 to 6 that many, 7 is 7.1, 0 is given by a program config element. */
  readonly channelConfiguration: number;
  /** Channels of the core decoder. */
  readonly channels: number;
  /** Samples a channel and frame of the core decoder: 1024, or 960. */
  readonly samplesPerFrame: number;
  /** Spectral band replication (HE-AAC), where it is signalled. */
  readonly sbr?: {
    /** Rate of the output. */
    readonly sampleRateHz: number;
    /** Parametric stereo (HE-AAC v2): the output is stereo though the core is mono. */
    readonly parametricStereo: boolean;
  };
}

/** One ADTS header. @see ISO/IEC 14496-3 section 1.A.2.2 */
export interface AdtsHeader {
  /** Audio object type, 1 to 4. */
  readonly objectType: number;
  readonly sampleRateHz: number;
  readonly channelConfiguration: number;
  /** 7 bytes, or 9 with a checksum. */
  readonly headerLength: number;
  /** Header and data together, in bytes. */
  readonly frameLength: number;
  /** Raw data blocks of the frame, 1 to 4: each is one AAC frame. */
  readonly blocks: number;
}

/** Rates by samplingFrequencyIndex. @see ISO/IEC 14496-3 table 1.18 */
export const AAC_SAMPLE_RATES_HZ: readonly number[] = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];

const AOT_LC = 2;
const AOT_SBR = 5;
const AOT_BSAC = 22;
const AOT_PS = 29;
const AOT_ESCAPE = 31;
const EXPLICIT_RATE = 15;
const SYNC_SBR = 0x2b7;
const SYNC_PS = 0x548;
const ADTS_HEADER_BYTES = 7;
const ADTS_MAX_FRAME_BYTES = 0x1fff;
const CHANNELS_BY_CONFIGURATION: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8];
/** Object types whose configuration goes on with a GASpecificConfig. */
const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23]);

/** Reads an AudioSpecificConfig, with explicit and backward-compatible SBR and PS signalling. */
export function parseAudioSpecificConfig(bytes: Uint8Array): AacConfig {
  const reader = new BitReader(bytes);
  const first = readObjectType(reader);
  const sampleRateHz = readRate(reader);
  const channelConfiguration = reader.bits(4);
  const explicit = first === AOT_SBR || first === AOT_PS;
  let sbr = explicit ? { sampleRateHz: readRate(reader), parametricStereo: first === AOT_PS } : undefined;
  const objectType = explicit ? readObjectType(reader) : first;
  if (explicit && objectType === AOT_BSAC) reader.skip(4);
  if (!GENERAL_AUDIO.has(objectType)) throw new ProtocolError(`Audio object type ${objectType} is not supported`, 0);
  const shortFrames = reader.flag();
  if (reader.flag()) reader.skip(14);
  reader.skip(1);
  const channels = channelConfiguration === 0 ? readProgramChannels(reader) : CHANNELS_BY_CONFIGURATION[channelConfiguration];
  if (channels === undefined || channels === 0) throw new ProtocolError(`Channel configuration ${channelConfiguration} is not supported`, 1);
  if (!explicit) sbr = readTrailingSbr(reader);
  const core = { objectType, sampleRateHz, channelConfiguration, channels, samplesPerFrame: shortFrames ? 960 : 1024 };
  return sbr === undefined ? core : { ...core, sbr };
}

/**
 * Writes an AudioSpecificConfig, SBR and PS in explicit hierarchical signalling.
 * @throws RangeError for channel configuration 0, whose program config element is not kept
 */
export function encodeAudioSpecificConfig(config: Omit<AacConfig, 'channels'>): Uint8Array {
  if (config.channelConfiguration < 1 || config.channelConfiguration > 7) {
    throw new RangeError(`Channel configuration ${config.channelConfiguration} can't be written`);
  }
  const fields: (readonly [value: number, bits: number])[] = [];
  const { sbr } = config;
  pushObjectType(fields, sbr === undefined ? config.objectType : sbr.parametricStereo ? AOT_PS : AOT_SBR);
  pushRate(fields, config.sampleRateHz);
  fields.push([config.channelConfiguration, 4]);
  if (sbr !== undefined) {
    pushRate(fields, sbr.sampleRateHz);
    pushObjectType(fields, config.objectType);
  }
  fields.push([config.samplesPerFrame === 960 ? 1 : 0, 1], [0, 2]);
  return packBits(fields);
}

/** An AAC LC configuration for a rate and a number of channels, as for audio that came without one. */
export function aacLcConfig(sampleRateHz: number, channels: number): AacConfig {
  const channelConfiguration = CHANNELS_BY_CONFIGURATION.indexOf(channels);
  if (channelConfiguration < 1) throw new RangeError(`AAC has no configuration for ${channels} channels`);
  return { objectType: AOT_LC, sampleRateHz, channelConfiguration, channels, samplesPerFrame: 1024 };
}

/** The `codecs` parameter: `mp4a.40.2`, or `mp4a.40.5` and `mp4a.40.29` with SBR and PS. @see RFC 6381 section 3.3 */
export function codecString(config: Pick<AacConfig, 'objectType' | 'sbr'>): string {
  if (config.sbr === undefined) return `mp4a.40.${config.objectType}`;
  return config.sbr.parametricStereo ? `mp4a.40.${AOT_PS}` : `mp4a.40.${AOT_SBR}`;
}

/** Reads the ADTS header at `offset`. */
export function parseAdtsHeader(bytes: Uint8Array, offset = 0): AdtsHeader {
  const reader = new BitReader(bytes.subarray(offset, offset + ADTS_HEADER_BYTES));
  if (reader.bits(12) !== 0xfff) throw new ProtocolError('No ADTS sync word', offset);
  reader.skip(1);
  if (reader.bits(2) !== 0) throw new ProtocolError('The layer of an ADTS header is not 0', offset);
  const headerLength = reader.flag() ? ADTS_HEADER_BYTES : ADTS_HEADER_BYTES + 2;
  const objectType = reader.bits(2) + 1;
  const sampleRateHz = AAC_SAMPLE_RATES_HZ[reader.bits(4)];
  if (sampleRateHz === undefined) throw new ProtocolError('A reserved sampling frequency in an ADTS header', offset + 2);
  reader.skip(1);
  const channelConfiguration = reader.bits(3);
  reader.skip(4);
  const frameLength = reader.bits(13);
  if (frameLength < headerLength) throw new ProtocolError('An ADTS frame is shorter than its header', offset + 3);
  reader.skip(11);
  return { objectType, sampleRateHz, channelConfiguration, headerLength, frameLength, blocks: reader.bits(2) + 1 };
}

/** The configuration that an ADTS header stands for. */
export function aacConfigOfAdts(header: AdtsHeader): AacConfig {
  const { objectType, sampleRateHz, channelConfiguration } = header;
  const channels = CHANNELS_BY_CONFIGURATION[channelConfiguration] ?? 0;
  if (channels === 0) throw new ProtocolError('ADTS with a program config element is not supported');
  return { objectType, sampleRateHz, channelConfiguration, channels, samplesPerFrame: 1024 };
}

/**
 * Writes the 7-byte ADTS header of one raw frame of `dataLength` bytes.
 * @throws RangeError when ADTS can't tell the object type or rate, or the frame exceeds 8191 bytes
 */
export function encodeAdtsHeader(config: Pick<AacConfig, 'objectType' | 'sampleRateHz' | 'channelConfiguration'>, dataLength: number): Uint8Array {
  const rateIndex = AAC_SAMPLE_RATES_HZ.indexOf(config.sampleRateHz);
  const frameLength = ADTS_HEADER_BYTES + dataLength;
  if (rateIndex < 0 || config.objectType < 1 || config.objectType > 4 || frameLength > ADTS_MAX_FRAME_BYTES) {
    throw new RangeError(`ADTS has no room for object type ${config.objectType}, ${config.sampleRateHz} Hz, ${frameLength} bytes`);
  }
  const channels = config.channelConfiguration & 0x07;
  return Uint8Array.of(
    0xff,
    0xf1,
    ((config.objectType - 1) << 6) | (rateIndex << 2) | (channels >> 2),
    ((channels & 3) << 6) | (frameLength >> 11),
    (frameLength >> 3) & 0xff,
    ((frameLength & 7) << 5) | 0x1f,
    0xfc,
  );
}

function readObjectType(reader: BitReader): number {
  const type = reader.bits(5);
  return type === AOT_ESCAPE ? 32 + reader.bits(6) : type;
}

function readRate(reader: BitReader): number {
  const index = reader.bits(4);
  const rate = index === EXPLICIT_RATE ? reader.bits(24) : AAC_SAMPLE_RATES_HZ[index];
  if (rate === undefined || rate === 0) throw new ProtocolError(`Sampling frequency index ${index} is reserved`);
  return rate;
}

/** Channels that a program config element adds up to. @see ISO/IEC 14496-3 section 4.4.1.1 */
function readProgramChannels(reader: BitReader): number {
  reader.skip(10);
  const counts = [reader.bits(4), reader.bits(4), reader.bits(4)];
  const lfe = reader.bits(2);
  reader.skip(7);
  for (let mixdown = 0; mixdown < 2; mixdown++) if (reader.flag()) reader.skip(4);
  if (reader.flag()) reader.skip(3);
  let channels = lfe;
  for (const count of counts) {
    for (let i = 0; i < count; i++) {
      channels += reader.flag() ? 2 : 1;
      reader.skip(4);
    }
  }
  return channels;
}

/** SBR announced after the core configuration, so that an old decoder doesn't see it. @see ISO/IEC 14496-3 section 1.6.5 */
function readTrailingSbr(reader: BitReader): AacConfig['sbr'] {
  if (reader.remaining < 16 || reader.bits(11) !== SYNC_SBR || readObjectType(reader) !== AOT_SBR || !reader.flag()) return undefined;
  const sampleRateHz = readRate(reader);
  const parametricStereo = reader.remaining >= 12 && reader.bits(11) === SYNC_PS && reader.flag();
  return { sampleRateHz, parametricStereo };
}

function pushObjectType(fields: (readonly [number, number])[], type: number): void {
  if (type < AOT_ESCAPE) fields.push([type, 5]);
  else fields.push([AOT_ESCAPE, 5], [type - 32, 6]);
}

function pushRate(fields: (readonly [number, number])[], rateHz: number): void {
  const index = AAC_SAMPLE_RATES_HZ.indexOf(rateHz);
  if (index >= 0) fields.push([index, 4]);
  else fields.push([EXPLICIT_RATE, 4], [rateHz, 24]);
}

function packBits(fields: readonly (readonly [value: number, bits: number])[]): Uint8Array {
  const writer = new ByteWriter(8);
  let byte = 0;
  let filled = 0;
  for (const [value, bits] of fields) {
    for (let bit = bits - 1; bit >= 0; bit--) {
      byte = (byte << 1) | ((value >>> bit) & 1);
      if (++filled % 8 === 0) {
        writer.u8(byte);
        byte = 0;
      }
    }
  }
  if (filled % 8 !== 0) writer.u8(byte << (8 - (filled % 8)));
  return writer.toBytes();
}
