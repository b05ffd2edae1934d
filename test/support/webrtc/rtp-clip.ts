import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The kinds of media of a clip. */
export type Kind = 'video' | 'audio';

/** A frame of a clip, in packets ready to be sent but for the RTP header. */
export interface ClipFrame {
  readonly kind: Kind;
  readonly atMs: number;
  readonly key: boolean;
  /** The whole frame: NAL units with four bytes of length before each, or one packet of Opus. */
  readonly sample: Buffer;
  /** RTP payloads in order; the last one of video carries the marker. */
  readonly payloads: readonly Buffer[];
}

/** A clip to be sent again and again. */
export interface RtpClip {
  readonly frames: readonly ClipFrame[];
  readonly durationMs: number;
}

/** Ticks a millisecond of the clip's RTP clocks. */
export const TICKS_PER_MS: Readonly<Record<Kind, number>> = { video: 90, audio: 48 };

const SECONDS = 10;
const PAYLOAD_BYTES_MAX = 1180;
const NAL_FU_A = 28;
const NAL_IDR = 5;
const NAL_SPS = 7;
const NAL_PPS = 8;

/** What ffprobe tells of a packet. */
interface Probed {
  readonly stream_index: number;
  readonly pts_time: string;
  readonly size: string;
  readonly pos: string;
}

/** Ten seconds of H.264 720p30 without B-frames at 2 Mb/s, a key frame every two seconds, and Opus; made once and kept in the folder of media. */
export function loadRtpClip(folder: string): RtpClip {
  const file = join(folder, 'webrtc-720p30.mp4');
  if (!existsSync(file)) makeFile(file);
  const probed = execFileSync('ffprobe', ['-v', 'error', '-show_packets', '-of', 'json', file], { maxBuffer: 64 * 1024 * 1024 });
  const bytes = readFileSync(file);
  const frames = (JSON.parse(String(probed)) as { packets: Probed[] }).packets.map((packet): ClipFrame => {
    const sample = bytes.subarray(Number(packet.pos), Number(packet.pos) + Number(packet.size));
    const atMs = Math.max(0, Number(packet.pts_time) * 1000);
    if (packet.stream_index === 1) return { kind: 'audio', atMs, key: true, sample, payloads: [sample] };
    const units = nalUnits(sample);
    return { kind: 'video', atMs, key: units.some((unit) => nalType(unit) === NAL_IDR), sample, payloads: units.flatMap(packetize) };
  });
  return { frames: frames.filter(({ atMs }) => atMs < SECONDS * 1000).sort((a, b) => a.atMs - b.atMs), durationMs: SECONDS * 1000 };
}

function makeFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  // Noise keeps the encoder at its rate; the test picture alone would need a tenth of it.
  const picture = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30,noise=alls=12:allf=t'];
  const sound = ['-f', 'lavfi', '-i', 'anoisesrc=color=pink:sample_rate=48000:amplitude=0.3'];
  const h264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-tune', 'zerolatency', '-profile:v', 'baseline', '-level', '3.1', '-pix_fmt', 'yuv420p', '-g', '60', '-keyint_min', '60', '-sc_threshold', '0', '-b:v', '1900k', '-maxrate', '1900k', '-bufsize', '950k', '-x264-params', 'repeat-headers=1:sliced-threads=0'];
  const opus = ['-c:a', 'libopus', '-b:a', '64k', '-ac', '2', '-frame_duration', '20'];
  execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...picture, ...sound, '-t', String(SECONDS), ...h264, ...opus, '-f', 'mp4', `${file}.part`]);
  renameSync(`${file}.part`, file);
}

/** Splits a sample of an MP4 file: four bytes of length before each unit. @see ISO/IEC 14496-15 section 5.3.4.2 */
function nalUnits(sample: Buffer): Buffer[] {
  const units: Buffer[] = [];
  for (let at = 0; at + 4 <= sample.length; ) {
    const length = sample.readUInt32BE(at);
    units.push(sample.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return units;
}

function nalType(unit: Uint8Array): number {
  return (unit[0] ?? 0) & 0x1f;
}

/** Single NAL unit packets and FU-A of equal size. @see RFC 6184 section 5.8 */
function packetize(unit: Buffer): Buffer[] {
  if (unit.length <= PAYLOAD_BYTES_MAX) return [unit];
  const first = unit[0] ?? 0;
  const body = unit.subarray(1);
  const parts = Math.ceil(body.length / (PAYLOAD_BYTES_MAX - 2));
  const size = Math.ceil(body.length / parts);
  return Array.from({ length: parts }, (_, index) => {
    const flags = (index === 0 ? 0x80 : 0) | (index === parts - 1 ? 0x40 : 0);
    return Buffer.concat([Buffer.from([(first & 0x60) | NAL_FU_A, flags | (first & 0x1f)]), body.subarray(index * size, (index + 1) * size)]);
  });
}

/** Whether a payload begins a key frame, or is one of the parameter sets that stand before key frames only. */
export function startsKeyFrame(payload: Uint8Array): boolean {
  const type = nalType(payload);
  if (type === NAL_SPS || type === NAL_PPS || type === NAL_IDR) return true;
  if (type === NAL_FU_A) return ((payload[1] ?? 0) & 0x80) !== 0 && ((payload[1] ?? 0) & 0x1f) === NAL_IDR;
  if (type !== 24) return false;
  for (let at = 1; at + 2 < payload.length; at += 2 + (((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0))) {
    if (((payload[at + 2] ?? 0) & 0x1f) === NAL_IDR || ((payload[at + 2] ?? 0) & 0x1f) === NAL_SPS) return true;
  }
  return false;
}
