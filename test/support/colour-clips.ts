import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { readIvfClip, readMp4Clip, type Clip } from './clip.ts';
import { ffmpeg } from './ffmpeg.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What the clips show, one second each, as red, green and blue. */
export const COLOURS = [[220, 20, 20], [20, 200, 40], [30, 40, 210]] as const;

/** A codec that clips are made in. */
export type ClipCodec = 'h264' | 'hevc' | 'vp8' | 'vp9' | 'av1';

export const FRAME_RATE = 10;
const SIZE = { width: 320, height: 240 };
const ENCODERS: Readonly<Record<ClipCodec, readonly string[]>> = {
  h264: ['-c:v', 'libx264', '-preset', 'veryfast', '-bf', '0', '-g', '10', '-sc_threshold', '0'],
  hevc: ['-c:v', 'libx265', '-preset', 'ultrafast', '-tag:v', 'hvc1', '-x265-params', 'keyint=10:min-keyint=10:scenecut=0:bframes=0:log-level=none'],
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-g', '10', '-b:v', '500k'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '10', '-b:v', '500k'],
  av1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-g', '10', '-b:v', '500k'],
};

/** ffmpeg's name for a source of these colours, 10 pictures a second. */
export function colourSource(): string {
  const hex = (colour: readonly number[]): string => colour.map((part) => part.toString(16).padStart(2, '0')).join('');
  const parts = COLOURS.map((colour, index) => `color=c=0x${hex(colour)}:s=${SIZE.width}x${SIZE.height}:r=${FRAME_RATE}:d=1[c${index}]`);
  return `${parts.join(';')};${COLOURS.map((_colour, index) => `[c${index}]`).join('')}concat=n=${COLOURS.length}:v=1:a=0`;
}

/** The arguments of an encoder with a key frame a second. */
export function colourEncoder(codec: ClipCodec): readonly string[] {
  return [...ENCODERS[codec], '-pix_fmt', 'yuv420p'];
}

const clips = new Map<ClipCodec, Promise<Clip>>();

/** A clip of the colours with a key frame at each second; made once. */
export function colourClip(codec: ClipCodec): Promise<Clip> {
  const known = clips.get(codec) ?? makeClip(codec);
  clips.set(codec, known);
  return known;
}

async function makeClip(codec: ClipCodec): Promise<Clip> {
  const file = join(temporaryFolder(), codec === 'vp8' ? 'clip.ivf' : 'clip.mp4');
  await ffmpeg('-f', 'lavfi', '-i', colourSource(), ...colourEncoder(codec), file);
  return codec === 'vp8' ? readIvfClip(file, codec, FRAME_RATE) : readMp4Clip(file, codec);
}

/** Mean colour and size of a picture file's bytes, as ffmpeg decodes it. */
export function lookAt(picture: Uint8Array): { readonly colour: number[]; readonly width: number; readonly height: number } {
  const ppm = execFileSync('ffmpeg', ['-v', 'error', '-i', '-', '-f', 'image2pipe', '-c:v', 'ppm', '-'], { input: picture, maxBuffer: 1 << 28 });
  const match = /^P6\s(?<width>\d+) (?<height>\d+)\s255\s/.exec(ppm.toString('latin1', 0, 40));
  const pixels = ppm.subarray(match?.[0].length);
  const sums = [0, 0, 0];
  pixels.forEach((value, index) => (sums[index % 3] = (sums[index % 3] ?? 0) + value));
  return { colour: sums.map((sum) => Math.round((3 * sum) / pixels.length)), width: Number(match?.groups?.width), height: Number(match?.groups?.height) };
}

/** The farthest that a part of `a` is from `b`. */
export function colourDistance(a: readonly number[], b: readonly number[]): number {
  return Math.max(...a.map((part, index) => Math.abs(part - (b[index] ?? 0))));
}
