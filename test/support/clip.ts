import { readFileSync } from 'node:fs';
import { kindOfCodec } from '../../core/media/codecs.ts';
import { ticksToUs, type MediaFrame } from '../../core/media/frame.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import type { PayloadCodec } from '../../core/rtp/payload/payload-formats.ts';
import { probePackets } from './ffmpeg.ts';

const CONFIG_BOXES: Partial<Record<PayloadCodec, string>> = { h264: 'avcC', hevc: 'hvcC', av1: 'av1C' };
const AAC_LC_48K_STEREO = Buffer.from('1190', 'hex');
const IVF_HEADER_BYTES = 32;
const IVF_FRAME_HEADER_BYTES = 12;

/** One track of a file as frames of the bus. */
export interface Clip {
  readonly track: TrackDescriptor;
  readonly frames: readonly MediaFrame[];
}

function configOf(file: Buffer, codec: PayloadCodec): Uint8Array | undefined {
  if (codec === 'aac') return AAC_LC_48K_STEREO;
  const box = CONFIG_BOXES[codec];
  if (box === undefined) return undefined;
  const at = file.lastIndexOf(box);
  return file.subarray(at + 4, at - 4 + file.readUInt32BE(at - 4));
}

function trackOf(codec: PayloadCodec, codecConfig: Uint8Array | undefined): TrackDescriptor {
  const kind = kindOfCodec(codec);
  const base = { id: kind, kind, codec, clockRateHz: kind === 'video' ? 90_000 : 48_000, revision: 1 };
  return codecConfig === undefined ? base : { ...base, codecConfig };
}

/** Reads the only track of an MP4 file. */
export async function readMp4Clip(path: string, codec: PayloadCodec): Promise<Clip> {
  const file = readFileSync(path);
  const { streams: [stream], packets } = await probePackets(path);
  const rateHz = Number(stream!.time_base.split('/')[1]);
  const track = trackOf(codec, configOf(file, codec));
  // Encoders give sound a lead-in before time 0.
  const firstDts = Math.min(0, ...packets.map(({ dts }) => dts));
  const frames = packets.map(({ pts, dts, flags, pos, size }): MediaFrame => ({
    track,
    ptsUs: ticksToUs(pts - firstDts, rateHz),
    dtsUs: ticksToUs(dts - firstDts, rateHz),
    key: flags.startsWith('K'),
    data: file.subarray(Number(pos), Number(pos) + Number(size)),
    receivedAtMs: 0,
  }));
  return { track, frames };
}

/** Reads an IVF file, which holds VP8 where MP4 can't. */
export function readIvfClip(path: string, codec: PayloadCodec, frameRate: number): Clip {
  const file = readFileSync(path);
  const track = trackOf(codec, undefined);
  const frames: MediaFrame[] = [];
  for (let at = IVF_HEADER_BYTES; at < file.length; ) {
    const data = file.subarray(at + IVF_FRAME_HEADER_BYTES, at + IVF_FRAME_HEADER_BYTES + file.readUInt32LE(at));
    const ptsUs = Math.round((Number(file.readBigUInt64LE(at + 4)) * 1_000_000) / frameRate);
    frames.push({ track, ptsUs, dtsUs: ptsUs, key: (data[0]! & 1) === 0, data, receivedAtMs: 0 });
    at += IVF_FRAME_HEADER_BYTES + data.length;
  }
  return { track, frames };
}
