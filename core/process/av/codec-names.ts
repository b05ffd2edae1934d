import type { Codec } from '../../media/codecs.ts';

/** FFmpeg's decoders of each codec of the bus, best first. */
export const DECODERS: Readonly<Partial<Record<Codec, readonly string[]>>> = {
  h264: ['h264'],
  hevc: ['hevc'],
  av1: ['libdav1d', 'av1'],
  vp8: ['vp8'],
  vp9: ['vp9'],
  h263: ['flv'],
  vp6: ['vp6f'],
  aac: ['aac'],
  // The native one costs a fifth more.
  opus: ['libopus', 'opus'],
  mp3: ['mp3float', 'mp3'],
  pcma: ['pcm_alaw'],
  pcmu: ['pcm_mulaw'],
  g722: ['g722', 'adpcm_g722'],
  g729: ['g729'],
  speex: ['libspeex', 'speex'],
  nellymoser: ['nellymoser'],
  l16: ['pcm_s16be'],
};

/** FFmpeg's encoders of each codec that is made, best first. */
export const ENCODERS: Readonly<Partial<Record<Codec, readonly string[]>>> = {
  h264: ['libx264'],
  vp8: ['libvpx'],
  // Half the price of the native one.
  aac: ['libfdk_aac', 'aac'],
  opus: ['libopus'],
  pcma: ['pcm_alaw'],
  pcmu: ['pcm_mulaw'],
  g722: ['g722', 'adpcm_g722'],
  speex: ['libspeex'],
  mp3: ['libmp3lame'],
};

/** The codecs of which FFmpeg has one of the names. */
export function codecsOf(names: Readonly<Partial<Record<Codec, readonly string[]>>>, has: (names: readonly string[]) => boolean): Codec[] {
  return (Object.keys(names) as Codec[]).filter((codec) => has(names[codec] ?? []));
}
