import type { Acceptance, Codec, TrackDescriptor } from 'wcs-core';
import type { FourCc } from '../session/connect-request.ts';

/** What distinguishes the bytes that one player gets of a stream from another's. */
export interface Variant {
  readonly streamId: number;
  readonly audio: boolean;
  readonly video: boolean;
  /** Enhanced codecs that the player announced. */
  readonly fourCcs: readonly FourCc[];
  /** HEVC under codec number 12 for players that announce nothing. */
  readonly legacyHevc: boolean;
}

const CLASSIC_VIDEO: readonly Codec[] = ['h264', 'h263', 'vp6'];
const CLASSIC_AUDIO: readonly Codec[] = ['aac', 'mp3', 'speex', 'pcma', 'pcmu', 'nellymoser'];
const ENHANCED_VIDEO: readonly (readonly [FourCc, Codec])[] = [
  ['hvc1', 'hevc'],
  ['av01', 'av1'],
  ['vp09', 'vp9'],
  ['vp08', 'vp8'],
];

/** A text that is equal for equal variants. */
export function variantKey({ streamId, audio, video, fourCcs, legacyHevc }: Variant): string {
  return [streamId, audio ? 'a' : '', video ? 'v' : '', legacyHevc ? 'h' : '', ...fourCcs].join('/');
}

/** The codecs that the variant can carry, best first. */
export function acceptanceOf({ audio, video, fourCcs, legacyHevc }: Variant): readonly Acceptance[] {
  const enhanced = ENHANCED_VIDEO.filter(([fourCc, codec]) => fourCcs.includes(fourCc) || (codec === 'hevc' && legacyHevc)).map(([, codec]) => codec);
  const opus: readonly Codec[] = fourCcs.includes('Opus') ? ['opus'] : [];
  return [
    ...(video ? [{ kind: 'video' as const, codecs: [...CLASSIC_VIDEO, ...enhanced] }] : []),
    ...(audio ? [{ kind: 'audio' as const, codecs: [...CLASSIC_AUDIO, ...opus] }] : []),
  ];
}

/** The tracks that go out of those that the variant takes: the first of each kind, since classic peers know no more. */
export function carriedTracks(tracks: readonly TrackDescriptor[]): readonly TrackDescriptor[] {
  return (['video', 'audio'] as const).flatMap((kind) => tracks.filter((track) => track.kind === kind).slice(0, 1));
}
