import { WcsError } from '../errors/wcs-error.ts';
import type { Codec, MediaKind } from './codecs.ts';
import type { TrackDescriptor } from './track.ts';

/** What a reader can take of one kind, best first. A kind that isn't listed isn't wanted. */
export interface Acceptance {
  readonly kind: MediaKind;
  readonly codecs: readonly Codec[];
}

/** A track that the reader wants in none of the codecs it is offered in. */
export interface ConversionNeed {
  readonly track: TrackDescriptor;
  /** The reader's codecs for that kind, best first. */
  readonly to: readonly Codec[];
}

/** Outcome of a negotiation: what goes as it is, and what would have to be converted first. */
export interface Negotiated {
  readonly tracks: readonly TrackDescriptor[];
  readonly conversions: readonly ConversionNeed[];
}

/**
 * Matches the tracks of a stream with what a reader accepts; without an acceptance the reader takes everything.
 * Of a kind offered in several codecs the ones that fit are taken; only a kind with no fit at all asks for a conversion, of its first track.
 */
export function negotiate(offer: readonly TrackDescriptor[], accept: readonly Acceptance[] | undefined): Negotiated {
  if (accept === undefined) return { tracks: offer, conversions: [] };
  const tracks = offer.filter((track) => codecsFor(accept, track.kind).includes(track.codec));
  const conversions: ConversionNeed[] = [];
  for (const track of offer) {
    const to = codecsFor(accept, track.kind);
    const served = tracks.some(({ kind }) => kind === track.kind) || conversions.some((need) => need.track.kind === track.kind);
    if (to.length > 0 && !served) conversions.push({ track, to });
  }
  return { tracks, conversions };
}

function codecsFor(accept: readonly Acceptance[], kind: MediaKind): readonly Codec[] {
  return accept.filter((entry) => entry.kind === kind).flatMap((entry) => entry.codecs);
}

/** What would give the reader the track, as a sentence. */
export function remedyOf({ track, to }: ConversionNeed): string {
  const target = to[0] ?? 'another codec';
  return `Enable a transcoder for ${track.codec} to ${target}, or publish ${target}.`;
}

/** The error of a reader whose need no transcoder meets: names the track, the reader's codecs and the conversion that would mend it. */
export function noCommonCodec(need: ConversionNeed): WcsError {
  const { track, to } = need;
  return new WcsError(
    'MEDIA_E_NO_COMMON_CODEC',
    `Transcoding required, but disabled: track ${track.id} is ${track.codec}, the reader takes ${to.join(', ')}. ${remedyOf(need)}`,
    { details: { trackId: track.id, codec: track.codec, accepts: to } },
  );
}
