import { aacLcConfig, encodeAdtsHeader, parseAudioSpecificConfig } from './aac.ts';
import * as h264 from './h264.ts';
import * as hevc from './hevc.ts';
import type { TsCodec } from './mpegts-stream.ts';

/** What is known of a track; `codecConfig` as in MP4. */
export interface TsTrackFormat {
  readonly codec: string;
  readonly codecConfig?: Uint8Array;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** Turns an MP4 sample into the pieces of an access unit in a transport stream. @throws ProtocolError for a broken sample */
export type TsFraming = (data: Uint8Array, key: boolean) => readonly Uint8Array[];

const TS_CODECS: ReadonlySet<string> = new Set<TsCodec>(['h264', 'hevc', 'aac', 'mp3', 'opus']);
const PASS: TsFraming = (data) => [data];

/** True for a codec that has a stream type. */
export function isTsCodec(codec: string): codec is TsCodec {
  return TS_CODECS.has(codec);
}

/** Built once a track: parameter sets go before each key frame, an ADTS header before each frame of AAC. */
export function tsFraming({ codec, codecConfig, sampleRateHz, channels }: TsTrackFormat): TsFraming {
  switch (codec) {
    case 'h264': {
      const parameterSets = codecConfig === undefined ? [] : avcParameterSets(codecConfig);
      return (data, key) => [h264.lengthPrefixedToAnnexB(data, key ? { parameterSets } : {})];
    }
    case 'hevc': {
      const parameterSets = codecConfig === undefined ? [] : hevc.parseHevcConfig(codecConfig).arrays.flatMap(({ nals }) => nals);
      return (data, key) => [hevc.lengthPrefixedToAnnexB(data, key ? { parameterSets } : {})];
    }
    case 'aac': {
      const aac = codecConfig === undefined ? aacLcConfig(sampleRateHz ?? 48_000, channels ?? 2) : parseAudioSpecificConfig(codecConfig);
      return (data) => [encodeAdtsHeader(aac, data.length), data];
    }
    default:
      return PASS;
  }
}

function avcParameterSets(config: Uint8Array): readonly Uint8Array[] {
  const { sps, pps } = h264.parseAvcConfig(config);
  return [...sps, ...pps];
}
