import type { Codec, TrackDescriptor } from 'wcs-core';
import * as aac from 'wcs-core/formats/aac';
import * as av1 from 'wcs-core/formats/av1';
import * as h264 from 'wcs-core/formats/h264';
import * as hevc from 'wcs-core/formats/hevc';
import { MP3_CODEC_STRING } from 'wcs-core/formats/mp3';
import { OPUS_CODEC_STRING } from 'wcs-core/formats/opus';
import * as vp9 from 'wcs-core/formats/vp9';
import type { Variant } from '../wire/multivariant-playlist.ts';
import type { Presentation } from './presentation.ts';

/** The `codecs` parameter by codec, from its configuration record. */
const CODEC_STRINGS: Partial<Record<Codec, (config: Uint8Array) => string>> = {
  h264: (config) => h264.codecString(h264.parseAvcConfig(config)),
  hevc: (config) => hevc.codecString(hevc.parseHevcConfig(config)),
  av1: (config) => av1.codecString(av1.parseAv1Config(config)),
  vp9: (config) => vp9.codecString(vp9.parseVpConfig(config)),
  aac: (config) => aac.codecString(aac.parseAudioSpecificConfig(config)),
};

/** The presentation as a multivariant playlist tells of it; bandwidth is that of the media listed. */
export function variantOf(presentation: Presentation, uri: string): Variant {
  const { listed, open } = presentation.store;
  const segments = listed.length > 0 ? listed : open === undefined ? [] : [open];
  const rates = segments.filter(({ gap, durationUs }) => !gap && durationUs > 0).map(({ bytes, durationUs }) => (bytes * 8_000_000) / durationUs);
  const totalBytes = segments.reduce((sum, { bytes }) => sum + bytes, 0);
  const totalUs = segments.reduce((sum, { durationUs }) => sum + durationUs, 0);
  const video = presentation.tracks.find(({ kind }) => kind === 'video');
  return {
    uri,
    // BANDWIDTH is mandatory and positive, even of a list of gaps.
    bandwidthBps: Math.max(1, ...rates),
    averageBandwidthBps: Math.max(1, totalUs === 0 ? 1 : (totalBytes * 8_000_000) / totalUs),
    codecs: presentation.tracks.map(codecStringOf).filter((text) => text !== undefined),
    ...(video?.width === undefined || video.height === undefined ? {} : { width: video.width, height: video.height }),
    ...(video?.frameRate === undefined ? {} : { frameRate: video.frameRate }),
  };
}

/** RFC 6381 string of a track; undefined where its configuration doesn't tell. */
export function codecStringOf({ codec, codecConfig }: TrackDescriptor): string | undefined {
  if (codec === 'opus') return OPUS_CODEC_STRING;
  if (codec === 'mp3') return MP3_CODEC_STRING;
  try {
    return codecConfig === undefined ? undefined : CODEC_STRINGS[codec]?.(codecConfig);
  } catch {
    // A publisher's broken configuration: the attribute is left out.
    return undefined;
  }
}
