import { readFileSync } from 'node:fs';
import { Decoder, type Frame } from 'wcs-core/process/av/decoder';
import { Painter } from 'wcs-core/process/av/painter';
import { Scaler } from 'wcs-core/process/av/scaler';
import { decodeStill, type StillPicture } from 'wcs-core/process/av/still-picture';
import { VideoEncoder } from 'wcs-core/process/av/video-encoder';
import type { JobOutput } from 'wcs-core/process/child-jobs';
import { stampAgeMs, type JobPacket } from 'wcs-core/process/framing';
import type { ChainEvent, ChainInput, OutputSpec, VideoOutputSpec } from '../processor/chain-spec.ts';
import { DECODERS } from 'wcs-core/process/av/codec-names';
import { defaultBitrateBps, fittedSize, turnedSize, type PictureSize } from '../processor/picture-size.ts';
import { configOf, type MediaChain } from './chain.ts';
import { avcPictureOf } from 'wcs-core/process/av/output-config';

const US_PER_SECOND = 1_000_000;
const DEFAULT_FRAME_RATE = 30;
/** Pictures older than this when their turn comes are decoded but not made, until the chain has caught up. */
const MAX_AGE_MS = 500;
/** Frames that an encoder makes at most without a key frame, should the grid not ask for one. */
const MAX_GOP_FRAMES = 600;
/** Pictures whose entry is remembered: more than any decoder holds back. */
const MAX_STAMPS = 64;

/** One picture track, decoded once, encoded for each output; all of them have their key frames at the same pictures. */
export class VideoChain implements MediaChain {
  readonly #output: JobOutput;
  readonly #outputs = new Map<number, VideoOutput>();
  readonly #stamps = new Map<number, number>();
  #input: ChainInput;
  #decoder: Decoder;
  #keyWanted = false;
  /** Nothing can be decoded before a key frame. */
  #awaitsKey = true;
  #lastPtsUs = -Infinity;

  constructor(input: ChainInput, output: JobOutput) {
    this.#input = input;
    this.#output = output;
    this.#decoder = openDecoder(input);
  }

  setInput(input: ChainInput): void {
    this.#decoder.close();
    this.#input = input;
    this.#decoder = openDecoder(input);
    this.#awaitsKey = true;
  }

  addOutput(port: number, spec: OutputSpec): void {
    if (spec.kind !== 'video') throw new TypeError('A chain of pictures makes pictures');
    this.removeOutput(port);
    this.#outputs.set(port, new VideoOutput(port, spec, this.#output, this.#input.frameRate ?? DEFAULT_FRAME_RATE));
  }

  removeOutput(port: number): void {
    this.#outputs.get(port)?.close();
    this.#outputs.delete(port);
  }

  push(packet: JobPacket): void {
    if (packet.discontinuity === true) this.#lastPtsUs = -Infinity;
    if (this.#awaitsKey && !packet.key) return;
    this.#awaitsKey = false;
    if (this.#stamps.size >= MAX_STAMPS) this.#stamps.clear();
    this.#stamps.set(packet.ptsUs, packet.stampMs);
    this.#decoder.decode(packet, (frame, ptsUs) => this.#onFrame(frame, ptsUs, this.#stampOf(ptsUs) ?? packet.stampMs));
  }

  requestKeyFrame(): void {
    this.#keyWanted = true;
  }

  setBitrate(port: number, bitrateBps: number): void {
    this.#outputs.get(port)?.setBitrate(bitrateBps);
  }

  close(): void {
    for (const port of [...this.#outputs.keys()]) this.removeOutput(port);
    this.#decoder.close();
  }

  #onFrame(frame: Frame, ptsUs: number, stampMs: number): void {
    // Stamps that stand still or step back are no pictures for an encoder.
    if (ptsUs <= this.#lastPtsUs) return;
    this.#lastPtsUs = ptsUs;
    if (stampAgeMs(stampMs) > MAX_AGE_MS) return;
    const key = this.#keyWanted;
    this.#keyWanted = false;
    for (const [port, output] of this.#outputs) {
      try {
        output.push(frame, ptsUs, key, stampMs);
      } catch (error) {
        this.#output.event({ type: 'outputFailed', port, reason: String(error) });
        this.removeOutput(port);
      }
    }
  }

  /** The decoder's clock rounds by less than a tick. */
  #stampOf(ptsUs: number): number | undefined {
    for (const [us, stampMs] of this.#stamps) {
      if (Math.abs(us - ptsUs) > 12) continue;
      this.#stamps.delete(us);
      return stampMs;
    }
    return undefined;
  }
}

function openDecoder(input: ChainInput): Decoder {
  return new Decoder({ names: DECODERS[input.codec] ?? [], codecConfig: configOf(input) });
}

/** One encoding. */
class VideoOutput {
  readonly #port: number;
  readonly #spec: VideoOutputSpec;
  readonly #output: JobOutput;
  readonly #frameRate: number;
  #encoder: VideoEncoder | undefined;
  #scaler: Scaler | undefined;
  #painter: Painter | undefined;
  #bitrateBps: number | undefined;
  /** Of the picture that came last: another size opens encoder and scaler anew. */
  #source = '';
  #gridPoint = -1;
  #keyPoint = -1;
  /** A key frame was asked for at a picture that was left out. */
  #keyDue = false;
  #config: string | undefined;

  constructor(port: number, spec: VideoOutputSpec, output: JobOutput, sourceRate: number) {
    this.#port = port;
    this.#spec = spec;
    this.#output = output;
    this.#bitrateBps = spec.bitrateBps;
    this.#frameRate = Math.min(spec.frameRate ?? Infinity, sourceRate);
  }

  push(frame: Frame, ptsUs: number, key: boolean, stampMs: number): void {
    this.#keyDue ||= key;
    if (!this.#isDue(ptsUs)) return;
    const keyPoint = Math.floor(ptsUs / this.#spec.keyFrameIntervalUs);
    const isKey = this.#keyDue || keyPoint !== this.#keyPoint;
    this.#keyPoint = keyPoint;
    this.#keyDue = false;
    const encoder = this.#encoderFor(frame);
    const picture = this.#scaler?.scale(frame) ?? frame;
    encoder.encode(this.#painter?.paint(picture) ?? picture, ptsUs, isKey, (packet) => this.#emit(encoder, packet.data, packet.key, ptsUs, stampMs));
  }

  setBitrate(bitrateBps: number): void {
    this.#bitrateBps = bitrateBps;
    if (this.#encoder?.setBitrate(bitrateBps) === false) this.#source = '';
  }

  close(): void {
    this.#encoder?.close();
    this.#scaler?.close();
    this.#painter?.close();
    this.#encoder = undefined;
    this.#scaler = undefined;
    this.#painter = undefined;
  }

  /** The first picture at or after each point of the grid of the wanted rate. */
  #isDue(ptsUs: number): boolean {
    if (this.#spec.frameRate === undefined) return true;
    const point = Math.floor((ptsUs * this.#spec.frameRate) / US_PER_SECOND + 1e-3);
    if (point === this.#gridPoint) return false;
    this.#gridPoint = point;
    return true;
  }

  #encoderFor(frame: Frame): VideoEncoder {
    const source = `${frame.width}x${frame.height}`;
    if (this.#encoder !== undefined && source === this.#source) return this.#encoder;
    const { codec, maxWidth, maxHeight, preset, rotationDegrees } = this.#spec;
    const size = fittedSize(turnedSize(frame, rotationDegrees), { width: maxWidth, height: maxHeight });
    this.#source = source;
    const { format } = this.#encoder ?? {};
    const bitrateBps = this.#bitrateBps ?? defaultBitrateBps(size, this.#frameRate);
    // A source that changes its size is scaled to what is made already, where that is the same.
    if (this.#encoder !== undefined && format?.width === size.width && format.height === size.height && format.bitrateBps === bitrateBps) return this.#encoder;
    this.close();
    const upright = turnedSize(size, rotationDegrees);
    this.#scaler = new Scaler(upright.width, upright.height);
    this.#painter = this.#painterFor(size);
    this.#encoder = new VideoEncoder({ codec, ...size, frameRate: this.#frameRate, bitrateBps, maxGopFrames: MAX_GOP_FRAMES, preset });
    this.#config = undefined;
    return this.#encoder;
  }

  /** Undefined where pictures go on as they are. */
  #painterFor(size: PictureSize): Painter | undefined {
    const { rotationDegrees = 0, watermarkFile } = this.#spec;
    if (rotationDegrees === 0 && watermarkFile === undefined) return undefined;
    return new Painter(size, rotationDegrees, watermarkFile === undefined ? undefined : this.#stillOf(watermarkFile, size));
  }

  #stillOf(file: string, size: PictureSize): StillPicture | undefined {
    try {
      return decodeStill(readFileSync(file), size, 'within');
    } catch (error) {
      this.#output.event({ type: 'trouble', port: this.#port, reason: String(error) } satisfies ChainEvent);
      return undefined;
    }
  }

  #emit({ format }: VideoEncoder, data: Uint8Array, key: boolean, ptsUs: number, stampMs: number): void {
    const { codec, width, height, frameRate } = format;
    const { sample, codecConfig } = codec === 'h264' ? avcPictureOf(data) : { sample: data, codecConfig: '' };
    if (codecConfig !== undefined && codecConfig !== this.#config) {
      this.#config = codecConfig;
      this.#output.event({ type: 'format', port: this.#port, format: { codec, width, height, frameRate, ...(codecConfig === '' ? {} : { codecConfig }) } });
    }
    this.#output.packet({ port: this.#port, key, ptsUs, dtsUs: ptsUs, stampMs, data: sample });
  }
}
