import type { Frame } from 'node-av/lib';
import { AV_PIX_FMT_YUV420P } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';
import { newPicture } from './picture-frame.ts';
import { putStill, type StillPicture } from './still-picture.ts';

/** How a picture is turned, clockwise. */
export type Rotation = 0 | 90 | 180 | 270;

/** Turns pictures and puts a still on them, in memory of its own: what a decoder hands out is what its next picture is made of. */
export class Painter {
  readonly #width: number;
  readonly #height: number;
  readonly #rotation: Rotation;
  readonly #still: StillPicture | undefined;
  readonly #frame: Frame;
  #planes: readonly Buffer[] = [];
  #strides: readonly number[] = [];

  /**
   * @param size of what comes out
   * @throws WcsError for a size that no encoder takes
   */
  constructor({ width, height }: { readonly width: number; readonly height: number }, rotation: Rotation, still: StillPicture | undefined) {
    this.#width = width;
    this.#height = height;
    this.#rotation = rotation;
    this.#still = still;
    this.#frame = newPicture(width, height);
    this.#locate();
  }

  /** @param picture YUV 4:2:0 of the size that becomes this one's by turning; the answer is valid until the next call */
  paint(picture: Frame): Frame {
    const isUpright = this.#rotation % 180 === 0;
    const [width, height] = isUpright ? [this.#width, this.#height] : [this.#height, this.#width];
    if (picture.width !== width || picture.height !== height || picture.format !== AV_PIX_FMT_YUV420P) {
      throw new WcsError('MEDIA_E_PROCESSING', `A picture of ${picture.width}x${picture.height} to be painted on as one of ${width}x${height}`);
    }
    // An encoder may still hold the last one, which then moves to other memory.
    if (!this.#frame.isWritable) {
      if (this.#frame.makeWritable() < 0) throw new WcsError('MEDIA_E_PROCESSING', 'No memory for a picture');
      this.#locate();
    }
    const planes = picture.data ?? [];
    const strides = picture.linesize;
    for (let plane = 0; plane < 3; plane += 1) {
      const shift = plane === 0 ? 0 : 1;
      const [source, target] = [planes[plane], this.#planes[plane]];
      if (source === undefined || target === undefined) throw new TypeError('A picture without planes');
      turnPlane({ bytes: source, stride: strides[plane] ?? 0, width: width >> shift, height: height >> shift }, { bytes: target, stride: this.#strides[plane] ?? 0 }, this.#rotation);
    }
    if (this.#still !== undefined) putStill({ width: this.#width, height: this.#height, planes: this.#planes, strides: this.#strides }, this.#still, 0, 0);
    return this.#frame;
  }

  close(): void {
    this.#frame.free();
  }

  #locate(): void {
    this.#planes = this.#frame.data ?? [];
    this.#strides = this.#frame.linesize;
  }
}

/** Memory of one plane of a picture. */
interface Plane {
  readonly bytes: Uint8Array;
  readonly stride: number;
}

/** Copies a plane, turned clockwise. */
export function turnPlane({ bytes, stride, width, height }: Plane & { readonly width: number; readonly height: number }, target: Plane, rotation: Rotation): void {
  const to = target.bytes;
  // Where the first pixel goes, and how far the next one of its row, and the first one of the next row, are from there.
  const [first, across, down] = stepsOf(rotation, width, height, target.stride);
  for (let y = 0; y < height; y += 1) {
    const from = y * stride;
    let at = first + y * down;
    if (across === 1) to.set(bytes.subarray(from, from + width), at);
    else for (let x = 0; x < width; x += 1, at += across) to[at] = bytes[from + x] ?? 0;
  }
}

function stepsOf(rotation: Rotation, width: number, height: number, stride: number): readonly [first: number, across: number, down: number] {
  switch (rotation) {
    case 0:
      return [0, 1, stride];
    case 90:
      return [height - 1, stride, -1];
    case 180:
      return [(height - 1) * stride + width - 1, -1, -stride];
    case 270:
      return [(width - 1) * stride, -stride, 1];
  }
}
