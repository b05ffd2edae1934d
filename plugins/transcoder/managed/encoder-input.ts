import { looseNumber, WcsError, type Acceptance, type Codec, type TrackTarget } from 'wcs-core';
import { z } from 'zod';

const number = (least: number, most: number) => looseNumber().pipe(z.number().min(least).max(most)).optional();

/** A file in the folder of pictures; empty: none. */
export const watermarkSchema = z.string().max(200);

/** `encoder` of `/transcoder/startup` and `/transcoder2/startup`. */
export const encoderSchema = z.object({
  videoCodec: z.string().optional(),
  audioCodec: z.string().optional(),
  width: number(0, 8192),
  height: number(0, 8192),
  /** Frames between key frames. */
  keyFrameInterval: number(1, 3000),
  fps: number(1, 120),
  /** Kilobits a second. */
  bitrate: number(0, 100_000),
  audioRate: number(8000, 48_000),
  /** Bits a second, or kilobits where it is less than a thousand. */
  audioBitrate: number(0, 512_000),
  type: z.string().optional(),
  /** Clockwise. */
  rotation: looseNumber().pipe(z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)])).optional(),
  watermark: watermarkSchema.optional(),
});

/** What was asked for. */
export type EncoderInput = z.output<typeof encoderSchema>;

const VIDEO_CODECS: Readonly<Partial<Record<string, Codec>>> = { h264: 'h264', avc: 'h264', vp8: 'vp8' };
const AUDIO_CODECS: Readonly<Partial<Record<string, Codec>>> = { aac: 'aac', 'mpeg4-generic': 'aac', opus: 'opus', pcma: 'pcma', pcmu: 'pcmu', alaw: 'pcma', ulaw: 'pcmu', g722: 'g722', g729: 'g729', speex: 'speex', mp3: 'mp3' };
const ANY_AUDIO: readonly Codec[] = ['aac', 'opus', 'mp3', 'pcma', 'pcmu', 'g722', 'speex', 'g729', 'nellymoser', 'l16'];
const DEFAULT_FPS = 30;

/**
 * What a reader accepts that wants a stream made like this.
 *
 * @throws WcsError OPERATION_E_INPUT for a codec that is not made
 */
export function acceptanceOfEncoder(encoder: EncoderInput): readonly Acceptance[] {
  const { videoCodec = 'h264', audioCodec, width, height, keyFrameInterval, fps, bitrate, rotation, watermark, audioRate, audioBitrate } = encoder;
  const picture: TrackTarget = {
    ...(isSet(width) ? { width } : {}),
    ...(isSet(height) ? { height } : {}),
    ...(isSet(fps) ? { frameRate: fps } : {}),
    ...(isSet(bitrate) ? { bitrateBps: bitrate * 1000 } : {}),
    ...(isSet(keyFrameInterval) ? { keyFrameIntervalUs: Math.round((keyFrameInterval * 1_000_000) / (fps ?? DEFAULT_FPS)) } : {}),
    ...(rotation === undefined || rotation === 0 ? {} : { rotationDegrees: rotation }),
    ...(watermark === undefined || watermark === '' ? {} : { watermark }),
  };
  const sound: TrackTarget = {
    ...(isSet(audioRate) ? { sampleRateHz: audioRate } : {}),
    ...(isSet(audioBitrate) ? { bitrateBps: audioBitrate < 1000 ? audioBitrate * 1000 : audioBitrate } : {}),
  };
  return [
    { kind: 'video', codecs: [codecOf(videoCodec, VIDEO_CODECS)], target: picture },
    { kind: 'audio', codecs: audioCodec === undefined ? ANY_AUDIO : [codecOf(audioCodec, AUDIO_CODECS)], ...(Object.keys(sound).length === 0 ? {} : { target: sound }) },
  ];
}

function isSet(value: number | undefined): value is number {
  return value !== undefined && value > 0;
}

function codecOf(name: string, known: Readonly<Partial<Record<string, Codec>>>): Codec {
  const codec = known[name.trim().toLowerCase()];
  if (codec === undefined) throw new WcsError('OPERATION_E_INPUT', `${name} is not made here; known are ${Object.keys(known).join(', ')}.`);
  return codec;
}
