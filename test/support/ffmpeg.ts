import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** Whether ffmpeg and ffprobe can be started here. */
export const hasFfmpeg = ['ffmpeg', 'ffprobe'].every((name) => spawnSync(name, ['-version']).status === 0);

/** A packet of a file as ffprobe lists it; times in the stream's time base, `pos` in bytes from the start of the file. */
export interface ProbedPacket {
  readonly stream_index: number;
  readonly pts: number;
  readonly dts: number;
  readonly duration: number;
  readonly size: string;
  readonly pos: string;
  readonly flags: string;
}

/** A decoded frame as ffprobe lists it. */
export interface ProbedFrame {
  readonly media_type: 'video' | 'audio';
  readonly key_frame: number;
  readonly pts: number;
}

/** A stream as ffprobe lists it. */
export interface ProbedStream {
  readonly codec_name: string;
  readonly codec_type: 'video' | 'audio';
  readonly time_base: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: string;
  readonly channels?: number;
}

/** Runs ffmpeg and fails on anything it has to say at the level of errors. */
export async function ffmpeg(...args: string[]): Promise<string> {
  const { stdout, stderr } = await run('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...args], { maxBuffer: MAX_OUTPUT_BYTES });
  if (stderr !== '') throw new Error(`ffmpeg ${args.join(' ')}: ${stderr}`);
  return stdout;
}

/** Streams and packets of a file, nothing decoded; fails on anything ffprobe has to say at the level of errors. */
export async function probePackets(file: string): Promise<{ streams: ProbedStream[]; packets: ProbedPacket[] }> {
  return (await ffprobe(file, '-show_streams', '-show_packets')) as { streams: ProbedStream[]; packets: ProbedPacket[] };
}

/** What `probePackets` gives, and the decoded frames; fails on anything ffprobe has to say at the level of errors. */
export async function probe(file: string): Promise<{ streams: ProbedStream[]; packets: ProbedPacket[]; frames: ProbedFrame[] }> {
  const [heads, bodies] = await Promise.all([probePackets(file), ffprobe(file, '-show_frames')]);
  return { ...heads, ...(bodies as { frames: ProbedFrame[] }) };
}

async function ffprobe(file: string, ...what: string[]): Promise<unknown> {
  const { stdout, stderr } = await run('ffprobe', ['-v', 'error', ...what, '-of', 'json', file], { maxBuffer: MAX_OUTPUT_BYTES });
  if (stderr !== '') throw new Error(`ffprobe ${file}: ${stderr}`);
  return JSON.parse(stdout);
}

/** The checksum of every decoded picture in order of presentation. */
export async function pictureSums(file: string): Promise<string[]> {
  const lines = await ffmpeg('-i', file, '-map', '0:v', '-fps_mode', 'passthrough', '-f', 'framemd5', '-');
  return lines.split('\n').filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1)!.trim());
}

/** ffmpeg inputs of `seconds` of a moving picture (25/s) and of a tone. */
export function testInputs(seconds: number, parts: 'video' | 'audio' | 'both'): string[] {
  const picture = ['-f', 'lavfi', '-i', `testsrc2=size=160x96:rate=25:duration=${seconds}`];
  const tone = ['-f', 'lavfi', '-i', `sine=frequency=440:sample_rate=48000:duration=${seconds}`];
  return [...(parts === 'audio' ? [] : picture), ...(parts === 'video' ? [] : tone)];
}

/** Encoder arguments of one second per group of pictures. */
export const ENCODERS = {
  h264: ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '25', '-sc_threshold', '0', '-bf', '0'],
  h264BFrames: ['-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p', '-g', '25', '-sc_threshold', '0', '-bf', '3', '-b_strategy', '0'],
  hevc: ['-c:v', 'libx265', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-tag:v', 'hvc1', '-x265-params', 'keyint=25:bframes=2:log-level=none'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-g', '25'],
  av1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8', '-g', '25'],
  aac: ['-c:a', 'aac', '-ac', '2'],
  opus: ['-c:a', 'libopus', '-ac', '2'],
  mp3: ['-c:a', 'libmp3lame', '-ac', '2'],
} as const;
