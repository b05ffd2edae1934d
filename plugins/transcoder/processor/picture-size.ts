/** Sides of a picture. */
export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Bits for each pixel of a second of moving pictures at 30 a second; a quarter less detail is needed at twice the size. */
const BITS_PER_PIXEL = 0.085;
const REFERENCE_PIXELS = 1280 * 720;
const SIZE_EXPONENT = 0.8;
const MIN_BITRATE_BPS = 100_000;

/** The size of what is made of a picture: no larger than it, in its shape, even. */
export function fittedSize(source: PictureSize, max: { readonly width?: number | undefined; readonly height?: number | undefined }): PictureSize {
  const scale = Math.min(1, (max.width ?? Infinity) / source.width, (max.height ?? Infinity) / source.height);
  return { width: even(source.width * scale), height: even(source.height * scale) };
}

/** The size of a picture after it was turned. */
export function turnedSize({ width, height }: PictureSize, rotationDegrees = 0): PictureSize {
  return rotationDegrees % 180 === 0 ? { width, height } : { width: height, height: width };
}

/** What a picture of that size and rate deserves, in bits a second. */
export function defaultBitrateBps({ width, height }: PictureSize, frameRate: number): number {
  const pixels = width * height;
  const bits = REFERENCE_PIXELS * BITS_PER_PIXEL * (pixels / REFERENCE_PIXELS) ** SIZE_EXPONENT * frameRate;
  return Math.max(MIN_BITRATE_BPS, Math.round(bits / 1000) * 1000);
}

function even(side: number): number {
  return Math.max(2, Math.round(side / 2) * 2);
}
