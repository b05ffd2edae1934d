import { parseAudioSpecificConfig } from './aac.ts';
import type { EbmlWriter } from './ebml-writer.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { encodeOpusHead, OPUS_CLOCK_RATE_HZ, parseDops } from './opus.ts';

interface TrackBase {
  /** 1 to 126, unique in the file. */
  readonly number: number;
  /** Shown to who chooses among tracks. */
  readonly name?: string;
  /** Content of avcC, hvcC, av1C or dOps, or the AudioSpecificConfig; of no use to the other codecs. */
  readonly codecConfig?: Uint8Array;
}

/** A video track; H.264 and HEVC blocks are length-prefixed NAL units, AV1 ones low-overhead OBUs. */
export interface MatroskaVideoTrack extends TrackBase {
  readonly kind: 'video';
  readonly codec: keyof typeof VIDEO_CODEC_IDS;
  /** Picture size in pixels. */
  readonly width: number;
  readonly height: number;
}

/** An audio track; AAC blocks are raw access units without ADTS headers. */
export interface MatroskaAudioTrack extends TrackBase {
  readonly kind: 'audio';
  readonly codec: keyof typeof AUDIO_CODEC_IDS;
  readonly sampleRateHz: number;
  readonly channels: number;
}

/** One track of a Matroska or WebM file. */
export type MatroskaTrack = MatroskaVideoTrack | MatroskaAudioTrack;

/** @see Matroska codec specifications (draft-ietf-cellar-codec), sections 4.2 and 4.3 */
const VIDEO_CODEC_IDS = {
  h264: 'V_MPEG4/ISO/AVC',
  hevc: 'V_MPEGH/ISO/HEVC',
  av1: 'V_AV1',
  vp8: 'V_VP8',
  vp9: 'V_VP9',
  mjpeg: 'V_MJPEG',
  mpeg4: 'V_MPEG4/ISO/ASP',
} as const;
const WAVE_CODEC_ID = 'A_MS/ACM';
const AUDIO_CODEC_IDS = {
  aac: 'A_AAC',
  opus: 'A_OPUS',
  mp3: 'A_MPEG/L3',
  l16: 'A_PCM/INT/BIG',
  pcma: WAVE_CODEC_ID,
  pcmu: WAVE_CODEC_ID,
  g722: WAVE_CODEC_ID,
  g729: WAVE_CODEC_ID,
  speex: WAVE_CODEC_ID,
} as const;
/** Format tags of WAVEFORMATEX, with bits a sample and the bytes that belong together. @see RFC 2361 */
const WAVE_FORMATS = {
  pcma: { tag: 0x0006, bits: 8, blockBytes: 1, bitsPerSecondOf: (rateHz: number) => 8 * rateHz },
  pcmu: { tag: 0x0007, bits: 8, blockBytes: 1, bitsPerSecondOf: (rateHz: number) => 8 * rateHz },
  g722: { tag: 0x028f, bits: 4, blockBytes: 1, bitsPerSecondOf: () => 64_000 },
  g729: { tag: 0x0083, bits: 0, blockBytes: 10, bitsPerSecondOf: () => 8_000 },
  speex: { tag: 0xa109, bits: 0, blockBytes: 1, bitsPerSecondOf: () => 16_000 },
} as const;
const TRACK_TYPE = { video: 1, audio: 2 } as const;
/** The bus states the RTP clock of G.722, which is half of its sampling rate. @see RFC 3551 section 4.5.2 */
const G722_SAMPLE_RATE_HZ = 16_000;
const L16_BITS = 16;
/** What a decoder wants to hear before the place sought. @see RFC 7845 section 4.6 */
const OPUS_SEEK_PRE_ROLL_NS = 80_000_000;

/** True for a codec that has a place in Matroska. */
export function isMatroskaCodec(codec: string): codec is MatroskaTrack['codec'] {
  return Object.hasOwn(VIDEO_CODEC_IDS, codec) || Object.hasOwn(AUDIO_CODEC_IDS, codec);
}

/** Writes the TrackEntry of `track`. @see RFC 9559 section 5.1.4.1 */
export function writeTrackEntry(writer: EbmlWriter, track: MatroskaTrack): void {
  writer.master(MATROSKA_ID.trackEntry, (entry) => {
    entry.uint(MATROSKA_ID.trackNumber, track.number).uint(MATROSKA_ID.trackUid, track.number);
    entry.uint(MATROSKA_ID.trackType, TRACK_TYPE[track.kind]).uint(MATROSKA_ID.flagLacing, 0).text(MATROSKA_ID.language, 'und');
    if (track.name !== undefined) entry.text(MATROSKA_ID.name, track.name);
    if (track.kind === 'video') writeVideo(entry, track);
    else writeAudio(entry, track);
  });
}

function writeVideo(entry: EbmlWriter, track: MatroskaVideoTrack): void {
  entry.text(MATROSKA_ID.codecId, VIDEO_CODEC_IDS[track.codec]);
  const isPrivate = track.codec === 'h264' || track.codec === 'hevc' || track.codec === 'av1';
  if (isPrivate && track.codecConfig !== undefined) entry.binary(MATROSKA_ID.codecPrivate, track.codecConfig);
  // A picture of no pixels is invalid; who doesn't know the size leaves it to the decoder.
  entry.master(MATROSKA_ID.video, (video) => void video.uint(MATROSKA_ID.pixelWidth, Math.max(1, track.width)).uint(MATROSKA_ID.pixelHeight, Math.max(1, track.height)));
}

function writeAudio(entry: EbmlWriter, track: MatroskaAudioTrack): void {
  entry.text(MATROSKA_ID.codecId, AUDIO_CODEC_IDS[track.codec]);
  const codecPrivate = audioPrivateOf(track);
  if (codecPrivate !== undefined) entry.binary(MATROSKA_ID.codecPrivate, codecPrivate);
  if (track.codec === 'opus') entry.uint(MATROSKA_ID.seekPreRoll, OPUS_SEEK_PRE_ROLL_NS);
  const { rateHz, outputRateHz } = ratesOf(track);
  entry.master(MATROSKA_ID.audio, (audio) => {
    audio.float(MATROSKA_ID.samplingFrequency, rateHz);
    if (outputRateHz !== undefined) audio.float(MATROSKA_ID.outputSamplingFrequency, outputRateHz);
    audio.uint(MATROSKA_ID.channels, track.channels);
    if (track.codec === 'l16') audio.uint(MATROSKA_ID.bitDepth, L16_BITS);
  });
}

function audioPrivateOf(track: MatroskaAudioTrack): Uint8Array | undefined {
  switch (track.codec) {
    case 'aac':
      return track.codecConfig;
    case 'opus': {
      const { channels, codecConfig } = track;
      const config = codecConfig === undefined ? { channels, inputSampleRateHz: OPUS_CLOCK_RATE_HZ, outputGain: 0 } : parseDops(codecConfig);
      // A live stream has no beginning to leave samples out of, and a delay stated here would move the sound against the picture.
      return encodeOpusHead({ ...config, preSkip: 0 });
    }
    case 'mp3':
    case 'l16':
      return undefined;
    default:
      return waveFormatOf(track.codec, ratesOf(track).rateHz, track.channels);
  }
}

function ratesOf(track: MatroskaAudioTrack): { readonly rateHz: number; readonly outputRateHz?: number } {
  if (track.codec === 'opus') return { rateHz: OPUS_CLOCK_RATE_HZ };
  if (track.codec === 'g722') return { rateHz: G722_SAMPLE_RATE_HZ };
  if (track.codec !== 'aac' || track.codecConfig === undefined) return { rateHz: track.sampleRateHz };
  const { sampleRateHz, sbr } = parseAudioSpecificConfig(track.codecConfig);
  return sbr === undefined ? { rateHz: sampleRateHz } : { rateHz: sampleRateHz, outputRateHz: sbr.sampleRateHz };
}

/** WAVEFORMATEX, little-endian, with nothing behind it. */
function waveFormatOf(codec: keyof typeof WAVE_FORMATS, rateHz: number, channels: number): Uint8Array {
  const { tag, bits, blockBytes, bitsPerSecondOf } = WAVE_FORMATS[codec];
  const out = new DataView(new ArrayBuffer(18));
  out.setUint16(0, tag, true);
  out.setUint16(2, channels, true);
  out.setUint32(4, rateHz, true);
  out.setUint32(8, (bitsPerSecondOf(rateHz) * channels) / 8, true);
  out.setUint16(12, blockBytes * channels, true);
  out.setUint16(14, bits, true);
  return new Uint8Array(out.buffer);
}
