import { ProtocolError, type Codec } from 'wcs-core';
import { CALL_CODECS, codecsIn } from '../media/wire/formats.ts';
import { readSdp } from '../media/wire/read-sdp.ts';

/** Kinds and codecs of a caller's offer. */
export interface OfferedMedia {
  readonly kinds: readonly ('audio' | 'video')[];
  readonly codecs: readonly Codec[];
}

/** What a caller offers; without an offer, sound in any codec; undefined where it makes no sense. */
export function offeredMedia(body: string): OfferedMedia | undefined {
  if (body === '') return { kinds: ['audio'], codecs: CALL_CODECS };
  try {
    const sections = readSdp(body).filter(({ port }) => port > 0);
    const kinds = (['audio', 'video'] as const).filter((kind) => sections.some((section) => section.kind === kind));
    return kinds.length === 0 ? undefined : { kinds, codecs: codecsIn(sections) };
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
