import { WcsError } from '../errors/wcs-error.ts';
import type { Codec, MediaKind } from './codecs.ts';
import type { TrackDescriptor } from './track.ts';

/** How a track is to be made for a reader; what isn't stated stays as published. Pictures are never made larger. */
export interface TrackTarget {
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly bitrateBps?: number;
  /** Distance of key frames in microseconds, on a grid of the stream's clock: equal grids meet in all tracks made of one. */
  readonly keyFrameIntervalUs?: number;
  /** Turned clockwise; width and height are those of what comes out. */
  readonly rotationDegrees?: 90 | 180 | 270;
  /** Name of a picture to put on it; the transcoder knows where that is. */
  readonly watermark?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** What a reader can take of one kind, best first. A kind that isn't listed isn't wanted. */
export interface Acceptance {
  readonly kind: MediaKind;
  readonly codecs: readonly Codec[];
  /** False for a reader that shows pictures badly whose order of decoding differs: it gets them so only where nobody can mend it. */
  readonly bFrames?: boolean;
  /** Wants the track made like this, whatever is published. */
  readonly target?: TrackTarget;
}

/** A track that the reader wants in another form than those that it is offered in. */
export interface ConversionNeed {
  readonly track: TrackDescriptor;
  /** The codecs that would do, best first. */
  readonly to: readonly Codec[];
  readonly target?: TrackTarget;
  /** The reader can take the track as it is, too. */
  readonly optional?: boolean;
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
  const tracks = offer.filter((track) => accept.some((entry) => fits(track, entry)));
  const conversions: ConversionNeed[] = [];
  for (const track of offer) {
    const served = tracks.some(({ kind }) => kind === track.kind) || conversions.some((need) => need.track.kind === track.kind);
    const need = served ? undefined : needOf(track, accept.filter(({ kind }) => kind === track.kind));
    if (need !== undefined) conversions.push(need);
  }
  return { tracks, conversions };
}

function fits(track: TrackDescriptor, { kind, codecs, bFrames, target }: Acceptance): boolean {
  return track.kind === kind && codecs.includes(track.codec) && target === undefined && !(bFrames === false && track.hasBFrames === true);
}

function needOf(track: TrackDescriptor, entries: readonly Acceptance[]): ConversionNeed | undefined {
  const codecs = entries.flatMap((entry) => entry.codecs);
  if (codecs.length === 0) return undefined;
  const target = entries.find((entry) => entry.target !== undefined)?.target;
  const decodable = codecs.includes(track.codec);
  // What is decoded anyway is best made again in the codec that it came in.
  const to = decodable ? [track.codec, ...codecs.filter((codec) => codec !== track.codec)] : codecs;
  return { track, to, ...(target === undefined ? {} : { target }), ...(decodable && target === undefined ? { optional: true } : {}) };
}

/** A text that is equal for equal targets, part of the ids of tracks; empty where nothing is stated. */
export function targetId(target: TrackTarget | undefined): string {
  if (target === undefined) return '';
  const { width, height, frameRate, bitrateBps, keyFrameIntervalUs, rotationDegrees, watermark, sampleRateHz, channels } = target;
  const part = (value: number | string | undefined, unit: string): string => (value === undefined ? '' : `.${value}${unit}`);
  const media = part(width, 'w') + part(height, 'h') + part(frameRate, 'fps') + part(sampleRateHz, 'hz') + part(channels, 'ch');
  const look = part(rotationDegrees, 'deg') + part(watermark === undefined ? undefined : encodeURIComponent(watermark), '');
  return media + look + part(bitrateBps, 'bps') + part(keyFrameIntervalUs, 'us');
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
