import type { Codec } from 'wcs-core';

/** The codecs of which pictures can be made. */
export const PICTURE_CODECS = ['h264', 'hevc', 'vp8', 'vp9', 'av1'] as const satisfies readonly Codec[];

/** One of `PICTURE_CODECS`. */
export type PictureCodec = (typeof PICTURE_CODECS)[number];

/** The formats of pictures, by the media type that HTTP gives them. */
export const MEDIA_TYPES = { png: 'image/png', jpeg: 'image/jpeg' } as const;

/** Format of a picture. */
export type PictureFormat = keyof typeof MEDIA_TYPES;

/** How a picture is wanted. */
export interface PictureWish {
  readonly format: PictureFormat;
  /** Pixels; a picture that is narrower already stays as it is. Default: as it is. */
  readonly width?: number;
}

/** What is to be made into a picture. */
export interface PictureRequest extends PictureWish {
  readonly codec: PictureCodec;
  /** A key frame with all that its decoder needs, as `decodableOf` makes it. */
  readonly keyFrame: Uint8Array;
}

/** Pixels that a key frame may have: a frame that claims more is refused before memory is taken for it. 8192 × 4320. */
export const MAX_PIXELS = 35_389_440;

export function isPictureCodec(codec: Codec): codec is PictureCodec {
  return (PICTURE_CODECS as readonly Codec[]).includes(codec);
}
