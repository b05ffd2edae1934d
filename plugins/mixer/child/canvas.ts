import type { Frame } from 'wcs-core/process/av/decoder';
import { failure } from 'wcs-core/process/av/native';
import { newPicture } from 'wcs-core/process/av/picture-frame';
import { putStill, type StillPicture } from 'wcs-core/process/av/still-picture';
import type { Area } from '../layout/cells.ts';

/** A colour in the limited range of BT.601: luma and the two chroma values. */
export type Yuv = readonly [y: number, u: number, v: number];

export const BLACK: Yuv = [16, 128, 128];
/** Green, for the frame around who speaks. */
export const VOICE: Yuv = [145, 54, 34];

/** The picture that the inputs are painted on: YUV 4:2:0, the same memory for the whole life of a mix. */
export class Canvas {
  readonly frame: Frame;
  readonly width: number;
  readonly height: number;
  /** What is seen where nothing else is; of the canvas's size. Black without. */
  background: StillPicture | undefined;
  #planes: readonly Buffer[] = [];
  #strides: readonly number[] = [];

  /** @throws WcsError for a size that no encoder takes */
  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.frame = newPicture(width, height);
    this.#locate();
    this.fill({ x: 0, y: 0, width, height }, BLACK);
  }

  /** Before it is painted on: an encoder may still hold the picture, which then moves to other memory. */
  begin(): void {
    if (this.frame.isWritable) return;
    const code = this.frame.makeWritable();
    if (code < 0) throw failure('No memory for the picture of a mix', code);
    this.#locate();
  }

  /** Fills an area inside the picture; bounds are even. */
  fill({ x, y, width, height }: Area, [luma, u, v]: Yuv): void {
    this.#fillPlane(0, x, y, width, height, luma);
    this.#fillPlane(1, x / 2, y / 2, width / 2, height / 2, u);
    this.#fillPlane(2, x / 2, y / 2, width / 2, height / 2, v);
  }

  /** Makes an area inside the picture as if nothing had been painted there; bounds are even. */
  clear(area: Area): void {
    const { background } = this;
    if (background === undefined) { this.fill(area, BLACK); return; }
    for (const [index, source] of background.planes.entries()) {
      const shift = index === 0 ? 0 : 1;
      const stride = this.#strides[index] ?? 0;
      const [x, width] = [area.x >> shift, area.width >> shift];
      for (let row = area.y >> shift; row < (area.y + area.height) >> shift; row += 1) {
        const from = row * (background.width >> shift) + x;
        this.#planes[index]?.set(source.subarray(from, from + width), row * stride + x);
      }
    }
  }

  /** Puts a still on the picture, its upper left corner at an even place. */
  put(still: StillPicture, x: number, y: number): void {
    putStill({ width: this.width, height: this.height, planes: this.#planes, strides: this.#strides }, still, x, y);
  }

  /** A frame along the inner edge of an area. */
  border({ x, y, width, height }: Area, thicknessPx: number, colour: Yuv): void {
    const [across, down] = [Math.min(thicknessPx, width), Math.min(thicknessPx, height)];
    this.fill({ x, y, width, height: down }, colour);
    this.fill({ x, y: y + height - down, width, height: down }, colour);
    this.fill({ x, y, width: across, height }, colour);
    this.fill({ x: x + width - across, y, width: across, height }, colour);
  }

  /**
   * Copies a part of a picture of YUV 4:2:0 to a place; all numbers are even.
   *
   * @param from upper left corner of the part in the picture
   */
  copy(picture: Frame, from: { readonly x: number; readonly y: number }, to: Area): void {
    const planes = picture.data ?? [];
    const strides = picture.linesize;
    for (let plane = 0; plane < 3; plane += 1) {
      const shift = plane === 0 ? 0 : 1;
      const [source, target] = [planes[plane], this.#planes[plane]];
      const [sourceStride, targetStride] = [strides[plane] ?? 0, this.#strides[plane] ?? 0];
      if (source === undefined || target === undefined) throw new TypeError('A picture without planes');
      const width = to.width >> shift;
      for (let row = 0; row < to.height >> shift; row += 1) {
        const start = ((from.y >> shift) + row) * sourceStride + (from.x >> shift);
        source.copy(target, ((to.y >> shift) + row) * targetStride + (to.x >> shift), start, start + width);
      }
    }
  }

  close(): void {
    this.frame.free();
  }

  #locate(): void {
    this.#planes = this.frame.data ?? [];
    this.#strides = this.frame.linesize;
  }

  #fillPlane(plane: number, x: number, y: number, width: number, height: number, value: number): void {
    const memory = this.#planes[plane];
    const stride = this.#strides[plane] ?? 0;
    for (let row = y; row < y + height; row += 1) memory?.fill(value, row * stride + x, row * stride + x + width);
  }
}
