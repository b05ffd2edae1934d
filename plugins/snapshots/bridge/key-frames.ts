import { messageOf, WcsError, type MediaFrame, type PluginContext, type Stream, type Subscription } from 'wcs-core';
import type { KeyFrameSource } from '../server/snapshot-service.ts';
import { PICTURE_CODECS } from '../wire/picture.ts';

/** How long a publisher that makes key frames on request is waited for where an older key frame would do. */
const REFRESH_MS = 1000;

/** The last key frames of streams, as a late joiner of the media bus gets them. */
export class KeyFrames implements KeyFrameSource {
  readonly #ctx: Pick<PluginContext, 'media' | 'timers'>;
  readonly #freshMs: number;
  readonly #nowMs: () => number;

  /**
   * @param freshMs an older key frame is replaced by one made on request, where the publisher can
   * @param nowMs monotonic clock in milliseconds
   */
  constructor(ctx: Pick<PluginContext, 'media' | 'timers'>, freshMs: number, nowMs: () => number) {
    this.#ctx = ctx;
    this.#freshMs = freshMs;
    this.#nowMs = nowMs;
  }

  async lastOf(stream: Stream, signal: AbortSignal): Promise<MediaFrame> {
    await stream.ready(signal);
    if (!stream.tracks.some(({ kind }) => kind === 'video')) throw new WcsError('MEDIA_E_NO_VIDEO', `Stream ${stream.name} has no video.`);
    const reader = new KeyFrameReader(this.#ctx, stream);
    try {
      const cached = reader.best;
      const isFresh = cached !== undefined && this.#nowMs() - cached.receivedAtMs <= this.#freshMs;
      if (cached !== undefined && (isFresh || !stream.makesKeyFrames || stream.state !== 'live')) return cached;
      const next = reader.next(signal, cached);
      stream.requestKeyFrame(cached?.track.id);
      return await next;
    } finally {
      reader.close();
    }
  }
}

/** One subscription, up to the key frame that it is for. */
class KeyFrameReader {
  readonly #ctx: Pick<PluginContext, 'media' | 'timers'>;
  readonly #stream: Stream;
  readonly #subscription: Subscription;
  /** The last key frame so far. */
  best: MediaFrame | undefined;
  #onKeyFrame: ((frame: MediaFrame) => void) | undefined;
  #onEnd: ((reason: string) => void) | undefined;

  constructor(ctx: Pick<PluginContext, 'media' | 'timers'>, stream: Stream) {
    this.#ctx = ctx;
    this.#stream = stream;
    this.#subscription = ctx.media.subscribe(stream, {
      plane: 'frames',
      from: 'gop',
      accept: [{ kind: 'video', codecs: PICTURE_CODECS }],
      label: 'snapshot',
      sink: {
        onTracks: () => undefined,
        onFrame: (frame) => {
          if (!frame.key) return;
          this.best = frame;
          this.#onKeyFrame?.(frame);
        },
        onEnd: (reason) => this.#onEnd?.(reason),
      },
    });
  }

  /** The next key frame; `old` when none has come within `REFRESH_MS`. Rejects when the stream ends first. */
  next(signal: AbortSignal, old: MediaFrame | undefined): Promise<MediaFrame> {
    return new Promise((resolve, reject) => {
      const cancel = old === undefined ? undefined : this.#ctx.timers.after(REFRESH_MS, () => resolve(old));
      const settle = (work: () => void): void => {
        cancel?.();
        work();
      };
      this.#onKeyFrame = (frame) => settle(() => resolve(frame));
      this.#onEnd = (reason) => settle(() => reject(new WcsError('MEDIA_E_NOT_FOUND', `Stream ${this.#stream.name} has ended: ${reason}`)));
      signal.addEventListener('abort', () => settle(() => reject(new WcsError('MEDIA_E_NO_PICTURE', `Stream ${this.#stream.name} sent no key frame in time: ${messageOf(signal.reason)}`))), { once: true });
    });
  }

  close(): void {
    this.#onKeyFrame = undefined;
    this.#onEnd = undefined;
    this.#subscription.close();
  }
}
