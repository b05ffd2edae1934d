import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FilterGraph, Frame } from 'node-av/lib';
import { WcsError } from '../../errors/wcs-error.ts';
import { failure } from './native.ts';
import type { StillPicture } from './still-picture.ts';

/** How a caption is written. */
export interface CaptionStyle {
  /** TrueType or OpenType. */
  readonly fontFile: string;
  readonly sizePx: number;
  /** Longer texts are cut off. */
  readonly maxWidth: number;
}

const PADDING_PX = 4;
/** Of the box behind the letters, 0 to 255. */
const BOX_ALPHA = 128;
const [BLACK, WHITE, GREY_CHROMA] = [16, 235, 128];
/** Longest text that is drawn. */
const MAX_CHARS = 200;

/**
 * A line of text, white on a darkened box, as a still picture.
 *
 * @throws WcsError MEDIA_E_PROCESSING where the font can't be read
 */
export function drawCaption(text: string, { fontFile, sizePx, maxWidth }: CaptionStyle): StillPicture {
  const size = { width: even(Math.max(16, maxWidth - 2 * PADDING_PX)), height: even(sizePx * 1.5) };
  const ink = inkOf(text.slice(0, MAX_CHARS).replace(/\s+/gu, ' '), fontFile, sizePx, size);
  let right = 0;
  ink.forEach((value, index) => { if (value > 0) right = Math.max(right, index % size.width); });
  const [width, height] = [even(right + 2 + 2 * PADDING_PX), size.height + 2 * PADDING_PX];
  const [luma, alpha] = [new Uint8Array(width * height).fill(BLACK), new Uint8Array(width * height).fill(BOX_ALPHA)];
  for (let y = 0; y < size.height; y += 1) {
    for (let x = 0; x <= right; x += 1) {
      const value = ink[y * size.width + x] ?? 0;
      const at = (y + PADDING_PX) * width + x + PADDING_PX;
      luma[at] = BLACK + ((WHITE - BLACK) * value) / 255;
      alpha[at] = Math.max(BOX_ALPHA, value);
    }
  }
  const chroma = (value: number): Uint8Array => new Uint8Array((width / 2) * (height / 2)).fill(value);
  return { width, height, planes: [luma, chroma(GREY_CHROMA), chroma(GREY_CHROMA)], alpha: [alpha, chroma(BOX_ALPHA)] };
}

/** How dark each pixel of a line of text is: drawn by a filter once, for letters of every script that the font has. */
function inkOf(text: string, fontFile: string, sizePx: number, { width, height }: { readonly width: number; readonly height: number }): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), 'wcs-caption-'));
  const graph = new FilterGraph();
  const frame = new Frame();
  frame.alloc();
  graph.alloc();
  try {
    // By a file and without expansion: nothing in the text is taken for a command.
    const textFile = join(folder, 'text');
    writeFileSync(textFile, text);
    const draw = `drawtext=fontfile=${quoted(fontFile)}:textfile=${quoted(textFile)}:expansion=none:fontcolor=white:fontsize=${sizePx}:x=0:y=(h-line_h)/2`;
    for (const step of [() => graph.parse2(`color=black:s=${width}x${height}:r=1,format=gray,${draw},buffersink@out`), () => graph.configSync()]) {
      const code = step();
      if (code < 0) throw failure('A caption could not be drawn; is its font there?', code);
    }
    const sink = graph.filters?.find(({ filter }) => filter?.name === 'buffersink');
    const code = sink?.buffersinkGetFrameSync(frame) ?? -1;
    if (code < 0) throw failure('A caption could not be drawn', code);
    return rowsOf(frame, width, height);
  } finally {
    frame.free();
    graph.free();
    rmSync(folder, { recursive: true, force: true });
  }
}

function rowsOf(frame: Frame, width: number, height: number): Uint8Array {
  const [plane, stride] = [frame.data?.[0], frame.linesize[0] ?? 0];
  if (plane === undefined || stride < width || plane.length < stride * (height - 1) + width) throw new WcsError('MEDIA_E_PROCESSING', 'A caption has no pixels');
  const ink = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) ink.set(plane.subarray(y * stride, y * stride + width), y * width);
  return ink;
}

/** For both levels of quoting of filter descriptions; paths alone come here. */
function quoted(path: string): string {
  return path.replace(/[\\':,;[\]]/g, '\\$&').replace(/[\\']/g, '\\$&');
}

function even(side: number): number {
  return Math.max(2, 2 * Math.round(side / 2));
}
