import { messageOf, parseStreamName, ProtocolError, WcsError, type Counter, type Histogram, type MediaFrame, type PluginContext, type Snapshots, type Stream } from 'wcs-core';
import { JobSlots } from '../session/job-slots.ts';
import { PictureCache } from '../session/picture-cache.ts';
import { decodableOf } from '../wire/decodable.ts';
import { isPictureCodec, type PictureCodec, type PictureRequest, type PictureWish } from '../wire/picture.ts';
import type { PictureMaker } from './picture-maker.ts';
import type { SnapshotsSettings } from './settings.ts';

/** Where key frames come from; the bridge to the media bus. */
export interface KeyFrameSource {
  /** @throws WcsError MEDIA_E_NO_VIDEO, MEDIA_E_NO_COMMON_CODEC, MEDIA_E_NO_PICTURE when none has come before the signal */
  lastOf(stream: Stream, signal: AbortSignal): Promise<MediaFrame>;
}

/** What a `SnapshotService` works with. */
export interface ServiceParts {
  readonly ctx: Pick<PluginContext<SnapshotsSettings>, 'media' | 'timers' | 'settings'>;
  readonly keyFrames: KeyFrameSource;
  readonly maker: Pick<PictureMaker, 'make'>;
  readonly metrics: { readonly taken: Counter; readonly failed: Counter; readonly took: Histogram };
}

/** Takes pictures of running streams: nothing is decoded until somebody asks, and once for all who ask together. */
export class SnapshotService implements Snapshots {
  readonly #parts: ServiceParts;
  readonly #cache: PictureCache;
  readonly #slots: JobSlots;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: ServiceParts) {
    this.#parts = parts;
    const { settings, timers } = parts.ctx;
    this.#cache = new PictureCache(settings.minIntervalMs, (ms, work) => timers.after(ms, work));
    this.#slots = new JobSlots(settings.maxJobs);
  }

  /** Pictures that are being made. */
  get running(): number {
    return this.#slots.running;
  }

  /**
   * The latest picture of a stream.
   *
   * @throws WcsError MEDIA_E_NAME_INVALID, MEDIA_E_NOT_FOUND, MEDIA_E_NO_VIDEO, MEDIA_E_NO_COMMON_CODEC, MEDIA_E_BUSY,
   * MEDIA_E_NO_DECODER, or MEDIA_E_NO_PICTURE when none could be made in time
   */
  async take(streamName: string, wish: PictureWish = { format: 'png' }): Promise<Uint8Array> {
    const stream = this.#parts.ctx.media.find(parseStreamName(streamName));
    if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `No stream ${streamName}.`);
    return this.#cache.get(`${stream.id} ${wish.format} ${wish.width ?? ''}`, () => this.#make(stream, wish));
  }

  /** Resolves when no picture is being made. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #make(stream: Stream, wish: PictureWish): Promise<Uint8Array> {
    const { metrics } = this.#parts;
    const startedAtMs = performance.now();
    const job = this.#withinTime((signal) => this.#decode(stream, wish, signal));
    this.#underWay.add(job);
    try {
      const picture = await job;
      metrics.taken.inc();
      metrics.took.observe(performance.now() - startedAtMs);
      return picture;
    } catch (error) {
      metrics.failed.inc();
      throw error;
    } finally {
      this.#underWay.delete(job);
    }
  }

  async #decode(stream: Stream, wish: PictureWish, signal: AbortSignal): Promise<Uint8Array> {
    const { keyFrames, maker } = this.#parts;
    const { track, data } = await keyFrames.lastOf(stream, signal);
    const { codec, codecConfig } = track;
    if (!isPictureCodec(codec)) throw new WcsError('MEDIA_E_NO_COMMON_CODEC', `No picture is made of ${codec}.`);
    const request: PictureRequest = { ...wish, codec, keyFrame: wholeKeyFrame(codec, data, codecConfig) };
    return this.#slots.run(() => maker.make(request, signal), signal);
  }

  /** Without waiting for work that does not heed its signal. */
  #withinTime<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { timers, settings } = this.#parts.ctx;
    const limit = new AbortController();
    const cancel = timers.after(settings.timeoutMs, () => limit.abort(new WcsError('MEDIA_E_NO_PICTURE', `No picture within ${settings.timeoutMs} ms.`)));
    return work(limit.signal).finally(cancel);
  }
}

function wholeKeyFrame(codec: PictureCodec, data: Uint8Array, config: Uint8Array | undefined): Uint8Array {
  try {
    return decodableOf(codec, data, config);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new WcsError('MEDIA_E_NO_PICTURE', `The key frame is broken: ${messageOf(error)}`, { cause: error });
  }
}
