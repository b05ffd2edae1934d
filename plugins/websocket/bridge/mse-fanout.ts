import type { Acceptance, FanoutViewer, MediaFrame, PluginContext, Scope, Stream, Subscription, TcpFanout, TrackDescriptor } from 'wcs-core';
import type { MseSocket } from '../server/mse-port.ts';
import { INFO } from '../session/infos.ts';
import { appendConfigs, appendFrame, UnitBuffer } from './unit-writer.ts';

/** A playback in a fan-out; without a socket it only waits. */
export interface MseViewer {
  /** The tracks are known: those that go out, and what is left out. */
  onTracks(tracks: readonly TrackDescriptor[]): void;
  onEnded(info: string): void;
}

/** Pictures in another order than they are shown cannot be played: each unit has one time only. */
const B_FRAMES = `${INFO.transcodingDisabled}: the stream has B-frames`;
const ACCEPTED: readonly Acceptance[] = [
  { kind: 'video', codecs: ['h264'] },
  { kind: 'audio', codecs: ['aac'] },
];
const TOO_SLOW = 'Reader is too slow';

/** One stream for all its MSE players: serialised once, the same buffer for everybody. */
export class MseFanout {
  readonly #stream: Stream;
  readonly #fanout: TcpFanout;
  /** Owns the fan-out and the subscription, for as long as anybody plays. */
  readonly #scope: Scope;
  readonly #viewers = new Map<MseViewer, FanoutViewer | undefined>();
  readonly #onEmpty: () => void;
  #tracks: readonly TrackDescriptor[] | undefined;
  #ids: ReadonlySet<string> = new Set();
  #lastPtsUs = 0;
  #lastPictureUs = -Infinity;
  /** The start for all who join before the next frame. */
  #preamble: { readonly bytes: Uint8Array; readonly decodable: boolean } | undefined;

  /**
   * @param onEmpty called when the last viewer has left, or the stream has ended
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has just ended
   */
  constructor(ctx: PluginContext, stream: Stream, onEmpty: () => void) {
    this.#stream = stream;
    this.#onEmpty = onEmpty;
    this.#scope = ctx.scope.child(`MSE players of ${stream.name}`);
    this.#fanout = ctx.media.fanout({ serialise: appendFrame, requestKeyFrame: () => stream.requestKeyFrame() }, this.#scope);
    try {
      const subscription = this.#subscribe();
      // What it was told at once may have ended it.
      if (!this.#scope.closed) this.#scope.add('subscription', () => subscription.close());
    } catch (error) {
      void this.#scope.close();
      throw error;
    }
  }

  /** Adds a viewer, which hears of the tracks as soon as they are known. */
  join(viewer: MseViewer): void {
    this.#viewers.set(viewer, undefined);
    const fault = this.#fault();
    if (fault !== undefined) this.#fail(viewer, fault);
    else if (this.#tracks !== undefined) viewer.onTracks(this.#tracks);
  }

  /**
   * Media goes to the viewer's socket, from exactly this point of the stream.
   *
   * @param continues of a viewer that has had everything up to now from the previous version
   */
  connect(viewer: MseViewer, socket: MseSocket, continues?: { readonly needsKeyFrame: boolean }): void {
    if (!this.#viewers.has(viewer)) return;
    this.disconnect(viewer);
    const start = continues === undefined ? this.#start() : { bytes: new Uint8Array(0), decodable: !continues.needsKeyFrame };
    const sink = {
      write: (bytes: Uint8Array) => socket.writeFramed(bytes),
      get backlogBytes() {
        return socket.backlogBytes;
      },
      onOverflow: () => this.#fail(viewer, TOO_SLOW),
    };
    const preamble = start.bytes.length === 0 ? [] : [start.bytes];
    this.#viewers.set(viewer, this.#fanout.add(sink, { preamble, startAtKeyFrame: !start.decodable }));
    if (!start.decodable) this.#stream.requestKeyFrame();
  }

  /** Stops the media; the viewer stays. */
  disconnect(viewer: MseViewer): void {
    const handle = this.#viewers.get(viewer);
    if (handle === undefined) return;
    this.#viewers.set(viewer, undefined);
    handle.remove({ discardPending: true });
  }

  /** Writes everything that is pending; whether the viewer gets no pictures before the next key frame. */
  flush(viewer: MseViewer): { readonly needsKeyFrame: boolean } | undefined {
    this.#fanout.flush();
    const handle = this.#viewers.get(viewer);
    return handle === undefined ? undefined : { needsKeyFrame: handle.needsKeyFrame };
  }

  leave(viewer: MseViewer): void {
    this.disconnect(viewer);
    if (this.#viewers.delete(viewer) && this.#viewers.size === 0) this.#close();
  }

  #subscribe(): Subscription {
    return this.#stream.subscribe({
      plane: 'frames',
      accept: ACCEPTED,
      onMismatch: 'omit',
      from: 'live',
      label: 'MSE players',
      sink: {
        onTracks: (tracks) => this.#onTracks(tracks),
        onFrame: (frame) => this.#onFrame(frame),
        onEnd: () => this.#endAll(INFO.stoppedByPublisher),
      },
    });
  }

  #onTracks(tracks: readonly TrackDescriptor[]): void {
    const first = (kind: string) => tracks.filter((track) => track.kind === kind && track.codecConfig !== undefined).slice(0, 1);
    this.#tracks = [...first('video'), ...first('audio')];
    this.#ids = new Set(this.#tracks.map(({ id }) => id));
    this.#preamble = undefined;
    this.#lastPictureUs = -Infinity;
    const fault = this.#fault();
    if (fault !== undefined) return this.#endAll(fault);
    const configs = new UnitBuffer();
    appendConfigs(this.#tracks, this.#lastPtsUs, configs);
    this.#fanout.pushBytes(configs.bytes());
    for (const viewer of [...this.#viewers.keys()]) viewer.onTracks(this.#tracks);
  }

  /** What keeps the stream from being played; undefined when it can be, or nothing is known yet. */
  #fault(): string | undefined {
    if (this.#tracks === undefined) return this.#isRefused() ? INFO.noCommonCodecs : undefined;
    if (this.#tracks.length === 0) return INFO.noCommonCodecs;
    const video = this.#tracks.find(({ kind }) => kind === 'video');
    if (video === undefined && this.#stream.tracks.some(({ kind }) => kind === 'video')) return INFO.transcodingDisabled;
    return video?.hasBFrames === true || isReordered(this.#gop()) ? B_FRAMES : undefined;
  }

  /** True when nothing of the stream can be had: a reader that omits what doesn't fit would wait for ever. */
  #isRefused(): boolean {
    if (this.#stream.tracks.length === 0) return false;
    try {
      const sink = { onTracks: () => undefined, onEnd: () => undefined };
      this.#stream.subscribe({ plane: 'frames', accept: ACCEPTED, onMismatch: 'refuse', from: 'live', label: 'MSE probe', sink }).close();
      return false;
    } catch {
      return true;
    }
  }

  #onFrame(frame: MediaFrame): void {
    if (!this.#ids.has(frame.track.id)) return;
    this.#preamble = undefined;
    this.#lastPtsUs = frame.ptsUs;
    if (frame.track.kind === 'video') {
      if (frame.discontinuity !== true && frame.ptsUs < this.#lastPictureUs) return this.#endAll(B_FRAMES);
      this.#lastPictureUs = frame.ptsUs;
    }
    this.#fanout.push(frame);
  }

  #gop(): readonly MediaFrame[] {
    return this.#stream.cachedGop.filter(({ track }) => this.#ids.has(track.id));
  }

  #start(): { readonly bytes: Uint8Array; readonly decodable: boolean } {
    return (this.#preamble ??= this.#makeStart());
  }

  #makeStart(): { readonly bytes: Uint8Array; readonly decodable: boolean } {
    // Before the tracks are known there is nothing to send; the configurations come to everyone when they are.
    const tracks = this.#tracks ?? [];
    if (tracks.length === 0) return { bytes: new Uint8Array(0), decodable: false };
    const hasVideo = tracks.some(({ kind }) => kind === 'video');
    const gop = this.#gop();
    const keyAt = gop.findIndex(({ track, key }) => track.kind === 'video' && key);
    const frames = hasVideo ? (keyAt < 0 ? [] : gop.slice(keyAt)) : [];
    const out = new UnitBuffer();
    appendConfigs(tracks, frames[0]?.ptsUs ?? this.#lastPtsUs, out);
    for (const frame of frames) appendFrame(frame, out);
    return { bytes: out.bytes(), decodable: !hasVideo || keyAt >= 0 };
  }

  #fail(viewer: MseViewer, info: string): void {
    this.leave(viewer);
    viewer.onEnded(info);
  }

  #endAll(info: string): void {
    const viewers = [...this.#viewers.keys()];
    for (const viewer of viewers) this.disconnect(viewer);
    this.#viewers.clear();
    this.#close();
    for (const viewer of viewers) viewer.onEnded(info);
  }

  #close(): void {
    void this.#scope.close();
    this.#onEmpty();
  }
}

/** True when pictures are shown in another order than they come. */
function isReordered(frames: readonly MediaFrame[]): boolean {
  let lastUs = -Infinity;
  for (const { track, ptsUs, discontinuity } of frames) {
    if (track.kind !== 'video') continue;
    if (discontinuity !== true && ptsUs < lastUs) return true;
    lastUs = ptsUs;
  }
  return false;
}
