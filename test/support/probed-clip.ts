import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { encodeDops, parseOpusHead } from '../../core/formats/opus.ts';
import { clockRateOf, isCodec, kindOfCodec } from '../../core/media/codecs.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { MediaBus } from '../../core/media/media-bus.ts';
import type { Publication } from '../../core/media/publication.ts';
import type { StreamMeta } from '../../core/media/stream.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import type { Clip } from './hls.ts';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 512 * 1024 * 1024;

interface DumpedStream {
  readonly index: number;
  readonly codec_name: string;
  readonly extradata?: string;
  readonly width?: number;
  readonly height?: number;
  readonly sample_rate?: string;
  readonly channels?: number;
  readonly has_b_frames?: number;
}

interface DumpedPacket {
  readonly stream_index: number;
  readonly pts_time: string;
  readonly dts_time: string;
  readonly flags: string;
  readonly data: string;
}

/** The frames of a clip in MP4, WebM or Matroska as ffprobe takes them apart: of any codec, as the bus carries them. */
export async function probeClip(file: string): Promise<Clip> {
  const { stdout } = await run('ffprobe', ['-v', 'error', '-show_streams', '-show_packets', '-show_data', '-of', 'json', file], { maxBuffer: MAX_OUTPUT_BYTES });
  const { streams, packets } = JSON.parse(stdout) as { streams: DumpedStream[]; packets: DumpedPacket[] };
  const tracks = new Map(streams.map((stream) => [stream.index, trackOf(stream)]));
  const shiftS = Math.max(0, ...packets.map(({ dts_time }) => -Number(dts_time)));
  const us = (seconds: string): number => Math.round((Number(seconds) + shiftS) * 1e6);
  const frames = packets.map(({ stream_index, pts_time, dts_time, flags, data }): MediaFrame => {
    const track = tracks.get(stream_index)!;
    return { track, ptsUs: us(pts_time), dtsUs: us(dts_time), key: flags.startsWith('K'), data: bytesOf(data), receivedAtMs: 0 };
  });
  const ordered = [...frames].sort((a, b) => a.dtsUs - b.dtsUs);
  return { tracks: [...tracks.values()], frames: ordered, durationUs: Math.max(...frames.map(({ ptsUs }) => ptsUs)) };
}

function trackOf({ codec_name, extradata, width, height, sample_rate, channels, has_b_frames = 0 }: DumpedStream): TrackDescriptor {
  const codec = codec_name === 'pcm_alaw' ? 'pcma' : codec_name === 'pcm_mulaw' ? 'pcmu' : codec_name;
  if (!isCodec(codec)) throw new Error(`The bus has no name for ${codec_name}`);
  const kind = kindOfCodec(codec);
  const config = extradata === undefined ? undefined : bytesOf(extradata);
  const codecConfig = codec === 'opus' && config !== undefined ? encodeDops(parseOpusHead(config)) : config;
  const sampleRateHz = sample_rate === undefined ? undefined : Number(sample_rate);
  return {
    id: kind,
    kind,
    codec,
    clockRateHz: clockRateOf(codec, sampleRateHz),
    revision: 1,
    ...(codecConfig === undefined ? {} : { codecConfig }),
    ...(width === undefined || height === undefined ? {} : { width, height, hasBFrames: has_b_frames > 0 }),
    ...(sampleRateHz === undefined ? {} : { sampleRateHz, channels: channels ?? 1 }),
  };
}

/** The bytes of a dump in lines of `00000000: 0011 2233  ..text..`. */
function bytesOf(dump: string): Uint8Array {
  const hex = dump.split('\n').map((line) => line.slice(line.indexOf(':') + 1, line.indexOf(':') + 42).replaceAll(' ', ''));
  return Uint8Array.from(Buffer.from(hex.join(''), 'hex'));
}

/** How many frames of a clip are recorded: a file begins with a picture, and sound that an encoder puts before it is left out. */
export function recordable({ frames }: Clip): number {
  const startUs = frames.find(({ track }) => track.kind === 'video')?.dtsUs ?? 0;
  return frames.filter(({ dtsUs }) => dtsUs >= startUs).length;
}

/** Publishes a clip as fast as it is taken, and ends the stream. */
export async function publishAtOnce(bus: MediaBus, name: string, clip: Clip, meta: Partial<StreamMeta> = {}): Promise<void> {
  const publication = beginClip(bus, name, clip, meta);
  let sinceYield = 0;
  for (const frame of clip.frames) {
    publication.write({ ...frame, receivedAtMs: performance.now() });
    if (++sinceYield % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  publication.end('Stopped by user');
}

/** Publishes the tracks of a clip and nothing else yet. */
export function beginClip(bus: MediaBus, name: string, clip: Clip, meta: Partial<StreamMeta> = {}): Publication {
  return bus.publish({ name, owner: name, tracks: clip.tracks, meta: { plugin: 'test', protocol: 'test', sessionId: name, params: {}, ...meta } });
}
