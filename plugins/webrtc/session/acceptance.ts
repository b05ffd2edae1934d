import type { Acceptance, Codec, Stream, TrackTarget } from 'wcs-core';
import type { AcceptedMedia } from '../wire/negotiate-answer.ts';
import type { PictureWish } from './layer-choice.ts';

/**
 * What a viewer takes of a stream. A wish for a size or a rate is met by making the picture so; of a publisher that sends
 * several sizes by choosing one of them.
 */
export function acceptanceFor(media: readonly AcceptedMedia[], wish: PictureWish, stream: Stream): readonly Acceptance[] {
  const target = stream.stats.layers.length > 0 ? undefined : targetOf(wish);
  return media.map(({ kind, codecs }) => {
    const entry = { kind, codecs: codecs.map(({ codec }): Codec => codec) };
    if (kind !== 'video') return entry;
    return { ...entry, bFrames: false, ...(target === undefined ? {} : { target }) };
  });
}

function targetOf({ maxWidth, maxHeight, maxBitrateBps }: PictureWish): TrackTarget | undefined {
  if (maxWidth === undefined && maxHeight === undefined && maxBitrateBps === undefined) return undefined;
  return {
    ...(maxWidth === undefined ? {} : { width: maxWidth }),
    ...(maxHeight === undefined ? {} : { height: maxHeight }),
    ...(maxBitrateBps === undefined ? {} : { bitrateBps: maxBitrateBps }),
  };
}
