import type { Codec, TrackDescriptor } from 'wcs-core';
import { aacLcConfig, encodeAudioSpecificConfig } from 'wcs-core/formats/aac';
import { isMatroskaCodec } from 'wcs-core/formats/matroska';
import { mp4TrackOf } from 'wcs-core/formats/mp4';
import { isTsCodec } from 'wcs-core/formats/mpegts';
import { encodeDops, OPUS_CLOCK_RATE_HZ } from 'wcs-core/formats/opus';
import type { Container, ContainerState, ContainerType } from './container.ts';
import { MatroskaContainer } from './matroska-container.ts';
import { Mp4Container } from './mp4-container.ts';
import { TsContainer } from './ts-container.ts';

/** Which container each video codec is recorded in; `audio` stands for a stream without a picture. */
export type ContainerByCodec = ReadonlyMap<string, ContainerType>;

const WEBM_CODECS: ReadonlySet<Codec> = new Set<Codec>(['vp8', 'vp9', 'av1', 'opus']);
/** Those that Matroska cannot do without. */
const NEEDS_CONFIG: ReadonlySet<Codec> = new Set<Codec>(['h264', 'hevc', 'av1']);
/** The one that holds anything. */
const WIDEST: ContainerType = 'mkv';

/** Begins a file, or goes on with one. @throws RangeError for a track that the container has no place for */
export function openContainer(state: Omit<ContainerState, 'memory'> & { readonly memory?: unknown }): Container {
  const rest = { tracks: state.tracks, headBytes: state.headBytes, memory: state.memory };
  switch (state.type) {
    case 'mp4':
      return new Mp4Container(rest);
    case 'webm':
    case 'mkv':
      return new MatroskaContainer(state.type, rest);
    case 'ts':
      return new TsContainer(rest);
  }
}

/**
 * The container for a stream's tracks by its first picture's codec; Matroska where one of the tracks has no place in it,
 * since nothing is encoded anew for a recording.
 */
export function containerFor(formats: readonly TrackDescriptor[], byCodec: ContainerByCodec): ContainerType {
  const codec = formats.find(({ kind }) => kind === 'video')?.codec ?? 'audio';
  const wished = byCodec.get(codec) ?? WIDEST;
  return formats.every((format) => holds(wished, format)) ? wished : WIDEST;
}

/** True when the container has a place for the track. */
export function holds(type: ContainerType, format: TrackDescriptor): boolean {
  const { codec, codecConfig } = format;
  if (format.kind === 'data' || (NEEDS_CONFIG.has(codec) && codecConfig === undefined)) return false;
  switch (type) {
    case 'mp4':
      return mp4TrackOf(format, 1) !== undefined && (codec !== 'vp9' || codecConfig !== undefined);
    case 'webm':
      return WEBM_CODECS.has(codec);
    case 'mkv':
      return isMatroskaCodec(codec);
    case 'ts':
      return isTsCodec(codec);
  }
}

/** The format with the configuration that its codec is understood to have where the publisher gave none. */
export function completeFormat(format: TrackDescriptor): TrackDescriptor {
  if (format.codecConfig !== undefined) return format;
  const channels = format.channels === 1 ? 1 : 2;
  switch (format.codec) {
    case 'aac':
      return { ...format, codecConfig: encodeAudioSpecificConfig(aacLcConfig(format.sampleRateHz ?? format.clockRateHz, channels)) };
    case 'opus':
      return { ...format, codecConfig: encodeDops({ channels, preSkip: 0, inputSampleRateHz: OPUS_CLOCK_RATE_HZ, outputGain: 0 }) };
    default:
      return format;
  }
}
