import { readFileSync } from 'node:fs';
import { get, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { FlvReader, parseAudioBody, parseVideoBody } from '../../core/formats/flv.ts';
import { NEED_MORE } from '../../core/formats/need-more.ts';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { MediaBus } from '../../core/media/media-bus.ts';
import type { Publication } from '../../core/media/publication.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import { ffmpeg } from './ffmpeg.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A short clip taken apart into frames, to be published again and again. */
export interface Clip {
  readonly tracks: readonly TrackDescriptor[];
  /** In decoding order; times from 0, `receivedAtMs` unset. */
  readonly frames: readonly MediaFrame[];
  readonly durationUs: number;
}

/** How a clip is made. */
export interface ClipOptions {
  readonly seconds?: number;
  readonly gopFrames?: number;
  readonly frameRate?: number;
  readonly size?: string;
  readonly bFrames?: number;
}

/** Makes a test picture with a tone by ffmpeg. */
export async function makeClip({ seconds = 6, gopFrames = 30, frameRate = 30, size = '320x180', bFrames = 0 }: ClipOptions = {}): Promise<Clip> {
  const file = join(temporaryFolder(), 'clip.flv');
  const [width = 0, height = 0] = size.split('x').map(Number);
  const x264 = ['-c:v', 'libx264', '-preset', 'veryfast', '-g', String(gopFrames), '-keyint_min', String(gopFrames), '-sc_threshold', '0', '-bf', String(bFrames), '-pix_fmt', 'yuv420p', '-b:v', '500k'];
  const inputs = ['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${frameRate}`, '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
  await ffmpeg(...inputs, '-t', String(seconds), ...x264, '-c:a', 'aac', '-b:a', '96k', '-ac', '2', file);
  return clipOfFlv(file, { width, height, frameRate }, seconds);
}

/** Takes an FLV file with H.264 and AAC apart. */
export function clipOfFlv(file: string, picture: { readonly width: number; readonly height: number; readonly frameRate: number }, seconds: number): Clip {
  return { ...readFlv(readFileSync(file), picture), durationUs: seconds * 1_000_000 };
}

function readFlv(bytes: Uint8Array, picture: { width: number; height: number; frameRate: number }): Omit<Clip, 'durationUs'> {
  let video: TrackDescriptor = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 1, ...picture };
  let audio: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'aac', clockRateHz: 48_000, revision: 1, sampleRateHz: 48_000, channels: 2 };
  const frames: MediaFrame[] = [];
  const reader = new FlvReader();
  const take = (tag: Exclude<ReturnType<FlvReader['next']>, typeof NEED_MORE>): void => {
    if (tag.type === 'video') {
      for (const packet of parseVideoBody(tag.body.slice())) {
        if (packet.packet === 'config') video = { ...video, codecConfig: packet.data };
        if (packet.packet !== 'frame') continue;
        const dtsUs = tag.timestampMs * 1000;
        frames.push({ track: video, dtsUs, ptsUs: dtsUs + packet.compositionTimeMs * 1000, key: packet.key, data: packet.data, receivedAtMs: 0 });
      }
    } else if (tag.type === 'audio') {
      for (const packet of parseAudioBody(tag.body.slice())) {
        if (packet.packet === 'config') audio = { ...audio, codecConfig: packet.data };
        if (packet.packet === 'frame') frames.push({ track: audio, dtsUs: tag.timestampMs * 1000, ptsUs: tag.timestampMs * 1000, key: true, data: packet.data, receivedAtMs: 0 });
      }
    }
  };
  for (let at = 0; at < bytes.length; at += 65_536) {
    reader.push(bytes.subarray(at, at + 65_536));
    for (let tag = reader.next(); tag !== NEED_MORE; tag = reader.next()) take(tag);
  }
  const final = new Map([['video', video], ['audio', audio]]);
  return { tracks: [video, audio], frames: frames.map((frame) => ({ ...frame, track: final.get(frame.track.id) ?? frame.track })) };
}

/** A clip that is published in real time, from the beginning again at its end. */
export class LoopPublisher {
  readonly publication: Publication;
  readonly #clip: Clip;
  readonly #startedAtMs = performance.now();
  readonly #timer: NodeJS.Timeout;
  #next = 0;
  #paused = false;

  /** @param leadMs media that is there at once */
  constructor(bus: MediaBus, name: string, clip: Clip, { leadMs = 0, kinds = ['video', 'audio'] as readonly string[], owner = 'test', graceMs = 10_000 } = {}) {
    this.#clip = { ...clip, tracks: clip.tracks.filter(({ kind }) => kinds.includes(kind)), frames: clip.frames.filter(({ track }) => kinds.includes(track.kind)) };
    this.#startedAtMs -= leadMs;
    this.publication = bus.publish({ name, owner, graceMs, tracks: this.#clip.tracks, meta: { plugin: 'test', protocol: 'test', sessionId: owner, params: {} } });
    this.#timer = setInterval(() => this.#write(), 10);
    this.#write();
  }

  /** Nothing is written any more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  /** What would be written is lost until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  #write(): void {
    const nowMs = performance.now();
    for (;;) {
      const { frames, durationUs } = this.#clip;
      const frame = frames[this.#next % frames.length]!;
      const loopUs = Math.floor(this.#next / frames.length) * durationUs;
      if ((frame.dtsUs + loopUs) / 1000 > nowMs - this.#startedAtMs) return;
      this.#next++;
      if (!this.#paused) this.publication.write({ ...frame, dtsUs: frame.dtsUs + loopUs, ptsUs: frame.ptsUs + loopUs, receivedAtMs: nowMs });
    }
  }
}

/** An HTTP answer read whole. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

/** Asks over plain HTTP/1.1. */
export function ask(port: number, path: string, options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>>; readonly signal?: AbortSignal } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, ...options }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() });
      });
    });
    request.on('error', reject);
  });
}
