import { availableParallelism } from 'node:os';
import { WcsError, type Codec, type PluginContext, type TrackDescriptor, type TrackTarget, type TranscodeJob, type TranscoderCapability, type Transcoding } from 'wcs-core';
import type { PictureFiles } from 'wcs-core/process/picture-files';
import type { OutputSpec } from '../processor/chain-spec.ts';
import type { MediaProcessor } from '../processor/processor.ts';
import type { TranscoderSettings } from '../settings.ts';
import { SourceChain } from './source-chain.ts';

const DRAIN_POLL_MS = 50;

/** Makes tracks of tracks when readers of the bus need them. */
export class TrackTranscoder implements TranscoderCapability {
  readonly name = 'transcoder';
  readonly #ctx: PluginContext<TranscoderSettings>;
  readonly #processor: MediaProcessor;
  readonly #pictures: PictureFiles;
  /** By stream and track: what is decoded is decoded once. */
  readonly #chains = new Map<string, SourceChain>();

  constructor(ctx: PluginContext<TranscoderSettings>, processor: MediaProcessor, pictures: PictureFiles) {
    this.#ctx = ctx;
    this.#processor = processor;
    this.#pictures = pictures;
  }

  /** Tracks that are made now. */
  get jobs(): number {
    return [...this.#chains.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Tracks that are decoded now. */
  get sources(): number {
    return this.#chains.size;
  }

  canTranscode(from: TrackDescriptor, to: Codec): boolean {
    const { decoders, encoders } = this.#processor;
    return !this.#ctx.settings.transcodingDisabled && from.layerOf === undefined && decoders.has(from.codec) && encoders.has(to);
  }

  start(job: TranscodeJob): Transcoding {
    const { maxJobs, maxCpuPercent, transcodingDisabled } = this.#ctx.settings;
    // What an older version makes isn't taken over either.
    if (transcodingDisabled) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', 'Transcoding required, but disabled');
    const isBusy = this.#processor.cores > (availableParallelism() * maxCpuPercent) / 100;
    if (this.jobs >= maxJobs || isBusy) {
      throw new WcsError('MEDIA_E_NO_TRANSCODER', 'No available transcoders', { details: { jobs: this.jobs, cores: this.#processor.cores } });
    }
    const chain = this.#chainFor(job);
    const end = chain.add(job, this.#specOf(job));
    return { requestKeyFrame: () => chain.requestKeyFrame(), close: end };
  }

  /** Resolves when nobody waits for what is made here, or the signal aborts: a newer version has taken over, or the readers have gone. */
  async drained(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && [...this.#chains.values()].some(({ isWanted }) => isWanted)) {
      await new Promise<void>((resolve) => this.#ctx.timers.after(DRAIN_POLL_MS, resolve));
    }
  }

  #chainFor({ stream, track }: TranscodeJob): SourceChain {
    const key = `${stream.id} ${track.id}`;
    const running = this.#chains.get(key);
    if (running !== undefined) return running;
    const chain: SourceChain = new SourceChain({
      ctx: this.#ctx,
      processor: this.#processor,
      stream,
      track,
      onEmpty: () => {
        if (this.#chains.get(key) === chain) this.#chains.delete(key);
      },
    });
    this.#chains.set(key, chain);
    return chain;
  }

  #specOf({ track, codec, target = {} }: TranscodeJob): OutputSpec {
    const { preset, keyFrameIntervalMs, opusComplexity } = this.#ctx.settings;
    if (track.kind === 'audio') return { kind: 'audio', codec, ...soundOf(target), opusComplexity };
    const keyFrameIntervalUs = target.keyFrameIntervalUs ?? keyFrameIntervalMs * 1000;
    return { kind: 'video', codec: codec === 'vp8' ? 'vp8' : 'h264', preset, keyFrameIntervalUs, ...pictureOf(target), ...this.#lookOf(target) };
  }

  /** How it is turned, and what stands on it. @throws WcsError ACCESS_E_REFUSED for a watermark out of its folder */
  #lookOf({ rotationDegrees, watermark }: TrackTarget) {
    return {
      ...(rotationDegrees === undefined ? {} : { rotationDegrees }),
      ...(watermark === undefined ? {} : { watermarkFile: this.#pictures.pathOf(watermark) }),
    };
  }
}

function soundOf({ sampleRateHz, channels, bitrateBps }: TrackTarget) {
  return { ...(sampleRateHz === undefined ? {} : { sampleRateHz }), ...(channels === undefined ? {} : { channels }), ...(bitrateBps === undefined ? {} : { bitrateBps }) };
}

function pictureOf({ width, height, frameRate, bitrateBps }: TrackTarget) {
  return {
    ...(width === undefined ? {} : { maxWidth: width }),
    ...(height === undefined ? {} : { maxHeight: height }),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(bitrateBps === undefined ? {} : { bitrateBps }),
  };
}
