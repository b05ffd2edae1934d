import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mediaFolder } from './media-folder.ts';
import { PeerProcess } from './peers.ts';
import { PYTHON } from './python.ts';
import { checkout } from './test-kernel.ts';

/** How RTP goes. */
export type RtspTransport = 'tcp' | 'udp';

const support = join(checkout, 'test', 'support', 'peers');

/** ffmpeg publishes a clip of the media folder at its own pace, over and over. */
export function ffmpegPublishes(t: ExecutionContext, url: string, transport: RtspTransport, clip = 'avc.mp4', ...codec: readonly string[]): PeerProcess {
  const how = codec.length === 0 ? ['-c', 'copy'] : codec;
  return new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', join(mediaFolder, clip), ...how, '-f', 'rtsp', '-rtsp_transport', transport, url]);
}

/** GStreamer's rtspclientsink publishes a clip once. */
export function gstreamerPublishes(t: ExecutionContext, url: string, transport: RtspTransport, ...more: readonly string[]): PeerProcess {
  return new PeerProcess(t, PYTHON, [join(support, 'rtsp-publish.py'), join(mediaFolder, 'avc60.mp4'), url, '--transport', transport, ...more]);
}

/**
 * ffmpeg plays so many seconds into a file, which can be judged at leisure: who decodes while he plays on a busy machine
 * comes too late to his socket, and loses datagrams there.
 */
export async function ffmpegPlays(t: ExecutionContext, url: string, transport: RtspTransport, seconds: number, file: string): Promise<void> {
  const { status, stderr } = await new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-rtsp_transport', transport, '-i', url, '-t', String(seconds), '-map', '0', '-c', 'copy', file]).finished;
  if (status !== 0) throw new Error(`ffmpeg plays ${url}: ${stderr}`);
}

/** What `av-check.mjs` found. */
export interface AvVerdict {
  readonly status: number | null;
  readonly text: string;
}

/**
 * Seconds from the start of a sender that are not to be judged (`--skip`): until its first report only times of arrival,
 * which are those of a busy machine, tell how sound and picture belong together. That comes within 3.1 s, half the least
 * interval with its random share. @see RFC 3550 section 6.3.1
 */
export const FIRST_REPORT_S = 4;

/** Judges what is to be had at an address, or in a file: pictures, order, gaps, sound, offset. It looks once. */
export async function avCheck(t: ExecutionContext, source: string, options: readonly string[], input: readonly string[] = []): Promise<AvVerdict> {
  const { status, stdout, stderr } = await new PeerProcess(t, process.execPath, [join(support, 'av-check.mjs'), source, ...options, ...(input.length > 0 ? ['--', ...input] : [])]).finished;
  return { status, text: `${stdout}${stderr}` };
}
