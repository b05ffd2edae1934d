import type { Codec } from 'wcs-core';
import type { FlvAudioCodec, FlvVideoCodec } from 'wcs-core/formats/flv';

/** What FLV calls the bus's video codecs. */
export const VIDEO_TO_FLV: ReadonlyMap<Codec, FlvVideoCodec> = new Map<Codec, FlvVideoCodec>([
  ['h264', 'h264'],
  ['hevc', 'h265'],
  ['av1', 'av1'],
  ['vp9', 'vp9'],
  ['vp8', 'vp8'],
  ['h263', 'h263'],
  ['vp6', 'vp6'],
]);

/** What FLV calls the bus's audio codecs. */
export const AUDIO_TO_FLV: ReadonlyMap<Codec, FlvAudioCodec> = new Map<Codec, FlvAudioCodec>([
  ['aac', 'aac'],
  ['opus', 'opus'],
  ['mp3', 'mp3'],
  ['pcma', 'pcma'],
  ['pcmu', 'pcmu'],
  ['speex', 'speex'],
  ['nellymoser', 'nellymoser'],
]);

const FROM_FLV: ReadonlyMap<string, Codec> = new Map([...VIDEO_TO_FLV, ...AUDIO_TO_FLV].map(([codec, flv]) => [flv, codec]));

/** The bus's codec for one of FLV; undefined for what the bus doesn't carry. */
export function codecFromFlv(codec: FlvVideoCodec | FlvAudioCodec): Codec | undefined {
  return FROM_FLV.get(codec);
}
