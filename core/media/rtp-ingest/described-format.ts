import { aacLcConfig, encodeAudioSpecificConfig, parseAudioSpecificConfig } from '../../formats/aac.ts';
import { parseStreamMuxConfig } from '../../rtp/payload/latm-config.ts';
import { clockRateOf, type Codec } from '../codecs.ts';
import type { RtpIngestTrack } from './ingest-track.ts';
import type { AacPacking } from './repacketiser.ts';

/** What an m-section says of one payload type, as text. */
export interface DescribedFormat {
  readonly payloadType: number;
  /** Encoding name in lower case. */
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
  /** Format parameters by lower-case name. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What a payload type carries, in the bus's words. */
export type TrackFormat = Pick<RtpIngestTrack, 'codec' | 'clockRateHz' | 'format' | 'parameterSets' | 'packing'>;

/** Encoding names of RTP, in lower case. @see RFC 3551, RFC 6184, RFC 7798, RFC 7741, RFC 9628, RFC 3640, RFC 6416, RFC 7587, RFC 5574 */
const CODEC_NAMES: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  ['h264', 'h264'], ['h265', 'hevc'], ['hevc', 'hevc'], ['vp8', 'vp8'], ['vp9', 'vp9'], ['av1', 'av1'],
  ['mpeg4-generic', 'aac'], ['mp4a-latm', 'aac'], ['opus', 'opus'], ['pcma', 'pcma'], ['pcmu', 'pcmu'],
  ['g722', 'g722'], ['g729', 'g729'], ['speex', 'speex'], ['l16', 'l16'],
]);
const SPROP_SETS = 'sprop-parameter-sets';
const HEVC_SETS = ['sprop-vps', 'sprop-sps', 'sprop-pps'] as const;
/** More parameter sets than a configuration record holds are no description of a stream. */
const SETS_MAX = 32;
/** Bits of an AU size in the mode for small frames. @see RFC 3640 section 3.3.5 */
const LBR_SIZE_LENGTH = '6';
const CLOCK_RATE_MAX_HZ = 500_000;
const CHANNELS_MAX = 8;

/** What a format carries; undefined for a codec that the bus doesn't carry. Parameters that make no sense are taken as absent. */
export function trackFormatOf(described: DescribedFormat): TrackFormat | undefined {
  const codec = CODEC_NAMES.get(described.name);
  if (codec === undefined) return undefined;
  const clockRateHz = clockOf(codec, described.clockRateHz);
  if (codec === 'aac') return described.name === 'mp4a-latm' ? latm(described, clockRateHz) : mpeg4Generic(described, clockRateHz);
  if (codec === 'h264') return { codec, clockRateHz, parameterSets: setsOf([described.parameters.get(SPROP_SETS)]) };
  if (codec === 'hevc') return { codec, clockRateHz, parameterSets: setsOf(HEVC_SETS.map((name) => described.parameters.get(name))) };
  if (codec === 'speex' || codec === 'l16') return { codec, clockRateHz, format: { sampleRateHz: clockRateHz, channels: channelsOf(described) } };
  if (codec === 'pcma' || codec === 'pcmu') return { codec, clockRateHz, format: { sampleRateHz: clockRateHz, channels: channelsOf(described) } };
  return { codec, clockRateHz };
}

/** Cameras write any number; only where the codec has no clock of its own does it count. */
function clockOf(codec: Codec, described: number): number {
  const isBelievable = Number.isInteger(described) && described >= 1000 && described <= CLOCK_RATE_MAX_HZ;
  if (codec === 'pcma' || codec === 'pcmu') return isBelievable ? described : clockRateOf(codec);
  return clockRateOf(codec, isBelievable ? described : undefined);
}

function channelsOf({ channels }: DescribedFormat): number {
  return Number.isInteger(channels) && channels >= 1 && channels <= CHANNELS_MAX ? channels : 1;
}

/** @see RFC 3640 section 4.1 */
function mpeg4Generic(described: DescribedFormat, clockRateHz: number): TrackFormat {
  const { parameters } = described;
  const config = configOf(parameters.get('config'), (bytes) => bytes) ?? encodeAudioSpecificConfig(aacLcConfig(clockRateHz, channelsOf(described)));
  const isLbr = parameters.get('mode')?.toLowerCase() === 'aac-lbr' || parameters.get('sizelength') === LBR_SIZE_LENGTH;
  return { codec: 'aac', clockRateHz, format: aacFormat(config), ...(isLbr ? { packing: { type: 'lbr' } } : {}) };
}

/** @see RFC 6416 section 7.3 */
function latm({ parameters }: DescribedFormat, clockRateHz: number): TrackFormat {
  const muxConfig = hexOf(parameters.get('config'));
  const config = configOf(parameters.get('config'), (bytes) => parseStreamMuxConfig(bytes).audioSpecificConfig);
  const configInBand = parameters.get('cpresent') !== '0' || config === undefined;
  const packing: AacPacking = { type: 'latm', configInBand, ...(config === undefined ? {} : { muxConfig }) };
  return { codec: 'aac', clockRateHz, packing, ...(config === undefined ? {} : { format: aacFormat(config) }) };
}

function aacFormat(codecConfig: Uint8Array): { codecConfig: Uint8Array; sampleRateHz: number; channels: number } {
  const { sampleRateHz, channels } = parseAudioSpecificConfig(codecConfig);
  return { codecConfig, sampleRateHz, channels };
}

/** The AudioSpecificConfig in a hexadecimal parameter; undefined for one that can't be read. */
function configOf(text: string | undefined, extract: (bytes: Uint8Array) => Uint8Array): Uint8Array | undefined {
  const bytes = hexOf(text);
  if (bytes === undefined) return undefined;
  try {
    const config = extract(bytes);
    parseAudioSpecificConfig(config);
    return config;
  } catch {
    // Whatever is wrong with it: the stream may still be what its name says.
    return undefined;
  }
}

function hexOf(text: string | undefined): Uint8Array | undefined {
  const hex = (text ?? '').replace(/^"|"$/g, '');
  return /^(?:[0-9a-f]{2}){1,256}$/i.test(hex) ? new Uint8Array(Buffer.from(hex, 'hex')) : undefined;
}

/** NAL units in base 64, separated by commas. @see RFC 6184 section 8.1, RFC 7798 section 7.1 */
function setsOf(texts: readonly (string | undefined)[]): readonly Uint8Array[] {
  const nals = texts.flatMap((text) => (text ?? '').split(',')).map((text) => withoutStartCode(new Uint8Array(Buffer.from(text.trim(), 'base64'))));
  return nals.filter(({ length }) => length > 1).slice(0, SETS_MAX);
}

/** Some cameras put the start code of a byte stream into their descriptions. */
function withoutStartCode(nal: Uint8Array): Uint8Array {
  if (nal[0] !== 0 || nal[1] !== 0) return nal;
  if (nal[2] === 1) return nal.subarray(3);
  return nal[2] === 0 && nal[3] === 1 ? nal.subarray(4) : nal;
}
