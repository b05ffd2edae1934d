import type { Codec } from 'wcs-core';
import { encodeOpusHead, parseDops } from 'wcs-core/formats/opus';
import type { ChainInput } from '../processor/chain-spec.ts';
import type { MatroskaTrack } from './matroska.ts';

/** Names of codecs in Matroska. @see draft-ietf-cellar-codec */
const CODEC_IDS: Readonly<Partial<Record<Codec, string>>> = {
  h264: 'V_MPEG4/ISO/AVC',
  hevc: 'V_MPEGH/ISO/HEVC',
  av1: 'V_AV1',
  vp8: 'V_VP8',
  vp9: 'V_VP9',
  aac: 'A_AAC',
  opus: 'A_OPUS',
  mp3: 'A_MPEG/L3',
  pcma: 'A_MS/ACM',
  pcmu: 'A_MS/ACM',
  g722: 'A_MS/ACM',
  speex: 'A_MS/ACM',
};
/** Numbers of codecs in a WAVEFORMATEX. @see RFC 2361 */
const WAVE_TAGS: Readonly<Partial<Record<Codec, number>>> = { pcma: 0x06, pcmu: 0x07, g722: 0x028f, speex: 0xa109 };
const WAVE_BYTES = 18;
const DEFAULT_OPUS = { channels: 2, preSkip: 312, inputSampleRateHz: 48_000, outputGain: 0 };

/** The codecs that can be handed to ffmpeg. */
export function canCarry(codec: Codec): boolean {
  return CODEC_IDS[codec] !== undefined;
}

/** The track of an input as Matroska describes it. */
export function containerTrackOf(input: ChainInput): MatroskaTrack {
  const { kind, codec, width, height } = input;
  const codecId = CODEC_IDS[codec];
  if (codecId === undefined) throw new RangeError(`${codec} can't be handed to ffmpeg`);
  const sampleRateHz = input.sampleRateHz ?? (codec === 'opus' ? 48_000 : codec === 'g722' ? 16_000 : 8000);
  const channels = input.channels ?? 1;
  return { type: kind, codecId, codecPrivate: privateOf(input, sampleRateHz, channels), width, height, ...(kind === 'audio' ? { sampleRateHz, channels } : {}) };
}

function privateOf({ codec, codecConfig }: ChainInput, sampleRateHz: number, channels: number): Uint8Array | undefined {
  const config = codecConfig === undefined ? undefined : Buffer.from(codecConfig, 'base64');
  if (codec === 'opus') return encodeOpusHead(config === undefined ? DEFAULT_OPUS : parseDops(config));
  const tag = WAVE_TAGS[codec];
  return tag === undefined ? config : waveFormat(tag, sampleRateHz, channels);
}

function waveFormat(tag: number, sampleRateHz: number, channels: number): Uint8Array {
  const bytes = Buffer.alloc(WAVE_BYTES);
  bytes.writeUInt16LE(tag, 0);
  bytes.writeUInt16LE(channels, 2);
  bytes.writeUInt32LE(sampleRateHz, 4);
  bytes.writeUInt32LE(sampleRateHz * channels, 8);
  bytes.writeUInt16LE(channels, 12);
  bytes.writeUInt16LE(8, 14);
  return bytes;
}
