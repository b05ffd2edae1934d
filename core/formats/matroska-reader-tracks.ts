import { ProtocolError } from '../errors/wcs-error.ts';
import { aacLcConfig, encodeAudioSpecificConfig } from './aac.ts';
import { av1ConfigOf, encodeAv1Config } from './av1.ts';
import { codecFormatOf, type CodecFormat, type MediaCodec } from './codec-format.ts';
import type { FileTrack } from './media-file.ts';
import { MATROSKA_ID } from './matroska-ids.ts';
import { childElements, contentOf, floatOf, textOf, uintOf, type EbmlElement } from './matroska-reader-ebml.ts';
import { encodeDops, parseOpusHead } from './opus.ts';
import { encodeVpConfig, parseVp9KeyFrame, vpConfigOf } from './vp9.ts';

/** One track of a Matroska file. */
export interface MatroskaTrack {
  readonly number: number;
  readonly kind: 'audio' | 'video';
  /** The codec's name where it isn't carried. */
  readonly entry: FileTrack | string;
  /** Nanoseconds of a frame; 0 where the file doesn't say. */
  readonly defaultDurationNs: number;
  /** Nanoseconds that the decoder is behind: taken off the times of the blocks. */
  readonly codecDelayNs: number;
  /** Bytes that were left out at the start of each frame. */
  readonly strippedHead: Uint8Array;
}

const KINDS: Readonly<Record<number, 'audio' | 'video'>> = { 1: 'video', 2: 'audio' };
const VIDEO: Readonly<Record<string, MediaCodec>> = { 'V_MPEG4/ISO/AVC': 'h264', 'V_MPEGH/ISO/HEVC': 'hevc', 'V_AV1': 'av1', 'V_VP8': 'vp8', 'V_VP9': 'vp9' };
const AUDIO: Readonly<Record<string, MediaCodec>> = { 'A_OPUS': 'opus', 'A_MPEG/L3': 'mp3' };
/** wFormatTag of `A_MS/ACM`. */
const WAVE_FORMATS: Readonly<Record<number, MediaCodec>> = { 6: 'pcma', 7: 'pcmu', 0x55: 'mp3' };
/** Those whose record says what the samples are made of: without it nothing can be done. */
const NEEDS_RECORD: ReadonlySet<MediaCodec> = new Set(['h264', 'hevc', 'opus']);
const HEADER_STRIPPING = 3;
const MAX_STRIPPED_BYTES = 1024;
const NO_BYTES = new Uint8Array(0);

/** Reads a TrackEntry; undefined for what is neither picture nor sound. @see RFC 9559 section 5.1.4 @throws ProtocolError */
export function parseTrackEntry(content: Uint8Array): MatroskaTrack | undefined {
  const elements = childElements(content);
  const kind = KINDS[uintOf(elements, MATROSKA_ID.trackType, 0)];
  if (kind === undefined) return undefined;
  const encodings = parseEncodings(elements);
  const entry = typeof encodings === 'string' ? encodings : kind === 'video' ? videoTrack(elements) : audioTrack(elements);
  return {
    number: uintOf(elements, MATROSKA_ID.trackNumber, 0),
    kind,
    entry,
    defaultDurationNs: uintOf(elements, MATROSKA_ID.defaultDuration, 0),
    codecDelayNs: uintOf(elements, MATROSKA_ID.codecDelay, 0),
    strippedHead: typeof encodings === 'string' ? NO_BYTES : encodings,
  };
}

function videoTrack(elements: readonly EbmlElement[]): FileTrack | string {
  const id = textOf(elements, MATROSKA_ID.codecId);
  const codec = VIDEO[id];
  const record = contentOf(elements, MATROSKA_ID.codecPrivate) ?? NO_BYTES;
  if (codec === undefined || (record.length === 0 && NEEDS_RECORD.has(codec))) return id;
  const video = childElements(contentOf(elements, MATROSKA_ID.video) ?? NO_BYTES);
  const [width, height] = [uintOf(video, MATROSKA_ID.pixelWidth, 0), uintOf(video, MATROSKA_ID.pixelHeight, 0)];
  const durationNs = uintOf(elements, MATROSKA_ID.defaultDuration, 0);
  const facts = { ...(width > 0 && height > 0 ? { width, height } : {}), ...(durationNs > 0 ? { frameRate: 1e9 / durationNs } : {}) };
  // What VP9 writes there is no configuration record.
  const hasRecord = record.length > 0 && codec !== 'vp8' && codec !== 'vp9';
  return { kind: 'video', codec, ...(hasRecord ? codecFormatOf(codec, record) : { hasBFrames: false }), ...facts };
}

function audioTrack(elements: readonly EbmlElement[]): FileTrack | string {
  const id = textOf(elements, MATROSKA_ID.codecId);
  const audio = childElements(contentOf(elements, MATROSKA_ID.audio) ?? NO_BYTES);
  const sampleRateHz = Math.round(floatOf(audio, MATROSKA_ID.samplingFrequency) ?? 8000);
  const channels = Math.max(1, uintOf(audio, MATROSKA_ID.channels, 1));
  const record = contentOf(elements, MATROSKA_ID.codecPrivate) ?? NO_BYTES;
  if (id.startsWith('A_AAC')) return { kind: 'audio', codec: 'aac', ...aacFormat(record, sampleRateHz, channels) };
  const codec = id === 'A_MS/ACM' ? WAVE_FORMATS[(record[0] ?? 0) + 256 * (record[1] ?? 0)] : AUDIO[id];
  if (codec === undefined || (record.length === 0 && NEEDS_RECORD.has(codec))) return id;
  if (codec === 'opus') return { kind: 'audio', codec, ...codecFormatOf(codec, encodeDops(parseOpusHead(record))) };
  return { kind: 'audio', codec, sampleRateHz, channels };
}

/** Old files name the profile in the codec's id and have no record. */
function aacFormat(record: Uint8Array, sampleRateHz: number, channels: number): CodecFormat {
  if (record.length > 0) return codecFormatOf('aac', record);
  if (channels > 6) throw new ProtocolError(`AAC of ${channels} channels without its configuration`);
  return codecFormatOf('aac', encodeAudioSpecificConfig(aacLcConfig(sampleRateHz, channels)));
}

/** Bytes stripped from each frame, or the name of an encoding that can't be undone. @see RFC 9559 section 5.1.4.1.31 */
function parseEncodings(elements: readonly EbmlElement[]): Uint8Array | string {
  const encodings = childElements(contentOf(elements, MATROSKA_ID.contentEncodings) ?? NO_BYTES);
  const [first, second] = encodings.filter(({ id }) => id === MATROSKA_ID.contentEncoding);
  if (first === undefined) return NO_BYTES;
  const encoding = childElements(first.content);
  const compression = childElements(contentOf(encoding, MATROSKA_ID.contentCompression) ?? NO_BYTES);
  if (second !== undefined || uintOf(encoding, MATROSKA_ID.contentEncodingType, 0) !== 0) return 'an encrypted form';
  if (uintOf(compression, MATROSKA_ID.contentCompAlgo, 0) !== HEADER_STRIPPING) return 'a compressed form';
  const stripped = contentOf(compression, MATROSKA_ID.contentCompSettings) ?? NO_BYTES;
  if (stripped.length > MAX_STRIPPED_BYTES) throw new ProtocolError(`A frame head of ${stripped.length} bytes`);
  return stripped;
}

/** True for a track whose configuration is told by its first key frame alone. */
export function isDescribedByFrame({ codec, codecConfig }: FileTrack): boolean {
  return codecConfig === undefined && (codec === 'vp9' || codec === 'av1');
}

/** The track with the configuration that a key frame tells. @throws ProtocolError when it is none */
export function describedByFrame(track: FileTrack, frame: Uint8Array): FileTrack {
  if (track.codec === 'vp9') return { ...track, codecConfig: encodeVpConfig(vpConfigOf(parseVp9KeyFrame(frame), track.frameRate)) };
  const config = av1ConfigOf(frame);
  if (config === undefined) throw new ProtocolError('A key frame of AV1 without its sequence header');
  return { ...track, ...codecFormatOf('av1', encodeAv1Config(config)) };
}
