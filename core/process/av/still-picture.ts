import { CodecContext, Frame, Packet, SoftwareScaleContext } from 'node-av/lib';
import { AV_PIX_FMT_RGBA } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';
import { failure, findFirst, MAX_PICTURE_SIDE, setOption } from './native.ts';

/** A picture that doesn't move, in YUV 4:2:0 of the limited range of BT.601; its sides are even. */
export interface StillPicture {
  readonly width: number;
  readonly height: number;
  /** Luma and the two planes of chroma, without padding. */
  readonly planes: readonly [Uint8Array, Uint8Array, Uint8Array];
  /** How much is seen of it, 0 to 255, for luma and for chroma; undefined where all of it is. */
  readonly alpha: readonly [Uint8Array, Uint8Array] | undefined;
}

/** Memory of a moving picture that stills are put on. */
export interface PicturePlanes {
  readonly width: number;
  readonly height: number;
  readonly planes: readonly Buffer[];
  readonly strides: readonly number[];
}

/** How a still comes to its size: never larger (`within`), whole and as large as can be (`contain`), or cut (`cover`). */
export type StillFit = 'within' | 'contain' | 'cover';

const SIGNATURES = [
  { names: ['png'], bytes: [0x89, 0x50, 0x4e, 0x47] },
  { names: ['mjpeg'], bytes: [0xff, 0xd8, 0xff] },
] as const;
const MAX_PIXELS = '16777216';

/**
 * Decodes a PNG or JPEG file for a place.
 *
 * @throws WcsError MEDIA_E_PROCESSING for what is neither, or broken
 */
export function decodeStill(file: Uint8Array, place: { readonly width: number; readonly height: number }, fit: StillFit): StillPicture {
  const signature = SIGNATURES.find(({ bytes }) => bytes.every((byte, index) => file[index] === byte));
  if (signature === undefined) throw new WcsError('MEDIA_E_PROCESSING', 'A picture has to be a PNG or a JPEG file');
  const frame = new Frame();
  frame.alloc();
  try {
    decodeInto(frame, file, signature.names);
    return scaled(frame, place, fit);
  } finally {
    frame.free();
  }
}

function decodeInto(frame: Frame, file: Uint8Array, names: readonly string[]): void {
  const codec = findFirst(names, 'decoder');
  const context = new CodecContext();
  const packet = new Packet();
  context.allocContext3(codec);
  packet.alloc();
  try {
    context.threadCount = 1;
    setOption(context, 'max_pixels', MAX_PIXELS);
    packet.data = Buffer.from(file);
    const steps = [() => context.open2Sync(codec, null), () => context.sendPacketSync(packet), () => context.sendPacketSync(null), () => context.receiveFrameSync(frame)];
    for (const step of steps) {
      const code = step();
      if (code < 0) throw failure('A picture could not be decoded', code);
    }
  } finally {
    packet.free();
    context.freeContext();
  }
  if (frame.width < 1 || frame.height < 1 || frame.width > MAX_PICTURE_SIDE || frame.height > MAX_PICTURE_SIDE) throw new WcsError('MEDIA_E_PROCESSING', `A picture of ${frame.width}x${frame.height} is too large`);
}

function scaled(source: Frame, place: { readonly width: number; readonly height: number }, fit: StillFit): StillPicture {
  const [across, down] = [place.width / source.width, place.height / source.height];
  const scale = fit === 'cover' ? Math.max(across, down) : Math.min(across, down, fit === 'within' ? 1 : Infinity);
  const [width, height] = [even(source.width * scale), even(source.height * scale)];
  const target = new Frame();
  const scaler = new SoftwareScaleContext();
  target.alloc();
  scaler.allocContext();
  try {
    target.width = width;
    target.height = height;
    target.format = AV_PIX_FMT_RGBA;
    for (const step of [() => target.getBuffer(), () => scaler.scaleFrameSync(target, source)]) {
      const code = step();
      if (code < 0) throw failure('A picture could not be scaled', code);
    }
    const shown = { width: Math.min(width, even(place.width)), height: Math.min(height, even(place.height)) };
    return stillOf(target.data?.[0] ?? Buffer.alloc(0), target.linesize[0] ?? 0, { x: even((width - shown.width) / 2), y: even((height - shown.height) / 2), ...shown });
  } finally {
    scaler.freeContext();
    target.free();
  }
}

/** @param part of the picture of red, green, blue and alpha; even */
function stillOf(rgba: Buffer, stride: number, part: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): StillPicture {
  const { x: left, y: top, width, height } = part;
  const half = width / 2;
  const [luma, u, v] = [new Uint8Array(width * height), new Uint8Array(half * (height / 2)), new Uint8Array(half * (height / 2))];
  const [alpha, halfAlpha] = [new Uint8Array(width * height), new Uint8Array(half * (height / 2))];
  let isOpaque = true;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (top + y) * stride + (left + x) * 4;
      const [red = 0, green = 0, blue = 0, seen = 0] = [rgba[at], rgba[at + 1], rgba[at + 2], rgba[at + 3]];
      luma[y * width + x] = ((66 * red + 129 * green + 25 * blue + 128) >> 8) + 16;
      alpha[y * width + x] = seen;
      if (seen !== 255) isOpaque = false;
      if (x % 2 === 1 || y % 2 === 1) continue;
      const chroma = (y / 2) * half + x / 2;
      u[chroma] = ((-38 * red - 74 * green + 112 * blue + 128) >> 8) + 128;
      v[chroma] = ((112 * red - 94 * green - 18 * blue + 128) >> 8) + 128;
      halfAlpha[chroma] = seen;
    }
  }
  return { width, height, planes: [luma, u, v], alpha: isOpaque ? undefined : [alpha, halfAlpha] };
}

/** Puts a still on a picture, its upper left corner at an even place; what would lie outside is left out. */
export function putStill(on: PicturePlanes, still: StillPicture, x: number, y: number): void {
  for (const [index, source] of still.planes.entries()) {
    const shift = index === 0 ? 0 : 1;
    const target = on.planes[index];
    const stride = on.strides[index] ?? 0;
    const alpha = still.alpha?.[shift];
    const width = Math.min(still.width, on.width - x) >> shift;
    const height = Math.min(still.height, on.height - y) >> shift;
    if (target === undefined || width <= 0) continue;
    for (let row = 0; row < height; row += 1) {
      const from = row * (still.width >> shift);
      const to = ((y >> shift) + row) * stride + (x >> shift);
      if (alpha === undefined) target.set(source.subarray(from, from + width), to);
      else blendRow(target, to, source, alpha, from, width);
    }
  }
}

function blendRow(target: Buffer, to: number, source: Uint8Array, alpha: Uint8Array, from: number, width: number): void {
  for (let index = 0; index < width; index += 1) {
    const seen = alpha[from + index] ?? 0;
    if (seen === 0) continue;
    const below = target[to + index] ?? 0;
    target[to + index] = below + Math.round((((source[from + index] ?? 0) - below) * seen) / 255);
  }
}

function even(side: number): number {
  return Math.max(2, 2 * Math.round(side / 2));
}
