import { ProtocolError } from '../errors/wcs-error.ts';

/** One MPEG audio frame header, layers I to III. @see ISO/IEC 11172-3 section 2.4.1.3, ISO/IEC 13818-3 section 2.4.2.3 */
export interface Mp3Header {
  /** MPEG version; 2.5 is the common extension to lower rates. */
  readonly version: 1 | 2 | 2.5;
  readonly layer: 1 | 2 | 3;
  readonly bitRate: number;
  readonly sampleRateHz: number;
  readonly channels: 1 | 2;
  /** Samples a channel. */
  readonly samplesPerFrame: number;
  /** Header and data together, in bytes. */
  readonly frameLength: number;
}

/** The `codecs` parameter of MP3 in MP4. */
export const MP3_CODEC_STRING = 'mp4a.40.34';

/** Bytes that `parseMp3Header` needs. */
export const MP3_HEADER_BYTES = 4;

const RATES_HZ: readonly number[] = [44100, 48000, 32000];
/** kbit/s by bitrate_index from 1 on. */
const KBPS_V1: Readonly<Record<1 | 2 | 3, readonly number[]>> = {
  1: [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  2: [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  3: [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
};
const KBPS_V2_LAYER_1: readonly number[] = [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256];
const KBPS_V2_LAYERS_2_3: readonly number[] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];

/** Reads the frame header at `offset`; a free-format or reserved value throws, as nothing tells the frame's length. */
export function parseMp3Header(bytes: Uint8Array, offset = 0): Mp3Header {
  const [b0 = 0, b1 = 0, b2 = 0, b3] = bytes.subarray(offset, offset + MP3_HEADER_BYTES);
  if (b3 === undefined) throw new ProtocolError('An MPEG audio header is cut short', offset);
  if (b0 !== 0xff || (b1 & 0xe0) !== 0xe0) throw new ProtocolError('No MPEG audio sync word', offset);
  const version = ([2.5, undefined, 2, 1] as const)[(b1 >> 3) & 3];
  const layer = ([undefined, 3, 2, 1] as const)[(b1 >> 1) & 3];
  const baseRateHz = RATES_HZ[(b2 >> 2) & 3];
  if (version === undefined || layer === undefined || baseRateHz === undefined) throw new ProtocolError('A reserved MPEG audio header value', offset);
  const table = version === 1 ? KBPS_V1[layer] : layer === 1 ? KBPS_V2_LAYER_1 : KBPS_V2_LAYERS_2_3;
  const kbps = table[(b2 >> 4) - 1];
  if (kbps === undefined) throw new ProtocolError('A free-format or reserved MPEG audio bit rate', offset + 2);
  const sampleRateHz = baseRateHz / (version === 1 ? 1 : version === 2 ? 2 : 4);
  const samplesPerFrame = layer === 1 ? 384 : layer === 3 && version !== 1 ? 576 : 1152;
  const slotBytes = layer === 1 ? 4 : 1;
  const slots = Math.floor((samplesPerFrame * kbps * 125) / (sampleRateHz * slotBytes)) + ((b2 >> 1) & 1);
  return { version, layer, bitRate: 1000 * kbps, sampleRateHz, channels: b3 >> 6 === 3 ? 1 : 2, samplesPerFrame, frameLength: slots * slotBytes };
}
