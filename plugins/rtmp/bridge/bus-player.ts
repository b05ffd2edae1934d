import { messageOf, waitForStream, WcsError, type Held, type Playback, type PluginContext, type Stream } from 'wcs-core';
import type { Player, PlayRequest } from '../server/media-port.ts';
import type { RtmpSettings } from '../server/settings.ts';
import type { PlayActivity } from '../session/session-state.ts';
import type { FromBus } from './from-bus.ts';
import type { StreamFanout, Viewer } from './stream-fanout.ts';
import type { Variant } from './variant.ts';

const US_PER_MS = 1000;

/** Plain data of a `BusPlayer`. */
export interface PlayerState {
  /** Undefined while it waits for its stream or is paused. */
  readonly joined: { readonly needsKeyFrame: boolean } | undefined;
  /** Name of the stream, which may be a copy for this player alone; undefined while it waits. */
  readonly streamName: string | undefined;
}

/** A message stream that plays: waits for its stream, then stands in a fan-out. */
export class BusPlayer implements Player {
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #fromBus: FromBus;
  readonly #request: PlayRequest;
  readonly #viewer: Viewer;
  readonly #stopped = new AbortController();
  readonly #held: Held;
  #activity: PlayActivity;
  #stream: Stream | undefined;
  #fanout: StreamFanout | undefined;

  /** @param state of a player of the previous version */
  constructor(ctx: PluginContext<RtmpSettings>, fromBus: FromBus, request: PlayRequest, state?: PlayerState) {
    this.#ctx = ctx;
    this.#fromBus = fromBus;
    this.#request = request;
    this.#activity = request.activity;
    const { sink, session } = request;
    this.#viewer = {
      write: (bytes) => sink.write(bytes),
      get backlogBytes() {
        return sink.backlogBytes;
      },
      onOverflow: () => sink.onOverflow(),
      onResumed: () => sink.onResumed(),
      onEnded: () => sink.onEnded(),
    };
    this.#held = session.scope.add(`player of ${this.#activity.name}`, () => this.stop());
    if (this.#activity.phase === 'waiting') session.background(this.#wait());
    else this.#continue(state);
  }

  change(activity: PlayActivity): void {
    const before = this.#activity;
    this.#activity = activity;
    const playback = this.#stream?.playback;
    if (playback !== undefined && activity.paused !== before.paused) return this.#steer(playback);
    this.#leave();
    this.#join();
  }

  async seek(positionMs: number): Promise<boolean> {
    const playback = this.#stream?.playback;
    if (playback === undefined) return false;
    await playback.seek(positionMs * US_PER_MS);
    // What was written before the jump goes out before the player hears of it.
    this.#fanout?.flush();
    return !this.#stopped.signal.aborted;
  }

  stop(): void {
    this.#held.detach();
    this.#stopped.abort();
    this.#leave();
  }

  exportState(): PlayerState {
    const fanout = this.#fanout;
    fanout?.flush();
    return { joined: fanout === undefined ? undefined : { needsKeyFrame: fanout.needsKeyFrame(this.#viewer) }, streamName: this.#stream?.name };
  }

  /** A stream of its own stands still with its player, who keeps his place. */
  #steer(playback: Playback): void {
    if (this.#activity.paused) {
      playback.pause();
      this.#fanout?.flush();
    } else playback.resume();
  }

  async #wait(): Promise<void> {
    const { session, sink } = this.#request;
    const { name, params } = this.#activity;
    const { signal } = this.#stopped;
    try {
      this.#stream = await waitForStream(this.#ctx.media, session.timers, { name, params, caller: session.entry.peer?.address, waitMs: this.#ctx.settings.playWaitMs, signal });
      if (signal.aborted) return;
      await this.#start(this.#stream);
    } catch (error) {
      if (signal.aborted) return;
      const missing = error instanceof WcsError && error.code === 'MEDIA_E_NOT_FOUND';
      session.log.debug('RTMP playing refused', { stream: name, reason: messageOf(error) });
      sink.onFailed(missing ? 'NetStream.Play.StreamNotFound' : 'NetStream.Play.Failed', messageOf(error));
    }
  }

  /** Begins where the player asked for, in a stream that has positions. */
  async #start({ playback }: Stream): Promise<void> {
    const { startMs } = this.#activity;
    if (playback !== undefined && startMs > 0) await playback.seek(startMs * US_PER_MS);
    if (this.#stopped.signal.aborted) return;
    this.#request.sink.onStarted();
    if (playback !== undefined && this.#activity.paused) playback.pause();
    this.#join();
  }

  #continue(state: PlayerState | undefined): void {
    this.#stream = this.#ctx.media.find(state?.streamName ?? this.#activity.name);
    if (state?.joined !== undefined) this.#join(state.joined);
  }

  #join(continues?: { readonly needsKeyFrame: boolean }): void {
    const { audio, video, paused, params } = this.#activity;
    if (this.#stream === undefined || (paused && this.#stream.playback === undefined) || (!audio && !video)) return;
    const { fourCcs, streamId } = this.#request;
    const { settings } = this.#ctx;
    const variant: Variant = { streamId, audio, video, fourCcs, legacyHevc: settings.legacyHevc };
    const lowLatency = settings.lowLatency || isTrue(params.lowLatency);
    this.#fanout = this.#fromBus.join(this.#stream, variant, this.#viewer, { lowLatency, ...(continues === undefined ? {} : { continues }) });
  }

  #leave(): void {
    const fanout = this.#fanout;
    this.#fanout = undefined;
    fanout?.leave(this.#viewer);
  }
}

function isTrue(value: string | undefined): boolean {
  return value === '1' || value === 'true';
}
