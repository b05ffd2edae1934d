import { messageOf, type Held, type Playback, type PluginContext, type Stream, type TrackDescriptor } from 'wcs-core';
import type { MsePlayer, MsePort, MseRequest, MseSocket } from '../server/mse-port.ts';
import { INFO, infoOfError } from '../session/infos.ts';
import { MseFanout, type MseViewer } from './mse-fanout.ts';

/** Plain data of a playback. */
interface PlayerState {
  readonly ready: boolean;
  readonly joined: { readonly needsKeyFrame: boolean } | undefined;
  /** Name of the stream, which may be a copy for this client alone. */
  readonly streamName: string | undefined;
}

/** How long the tracks of a stream may take to be known. */
const TRACKS_TIMEOUT_MS = 10_000;

/** MSE playbacks on the media bus: one fan-out for each stream that anybody plays. */
export class MseBus implements MsePort {
  readonly #ctx: PluginContext;
  readonly #fanouts = new Map<string, MseFanout>();

  constructor(ctx: PluginContext) {
    this.#ctx = ctx;
  }

  open(request: MseRequest): MsePlayer {
    const player = new BusMsePlayer(this.#ctx, this, request, false);
    player.start();
    return player;
  }

  restore(request: MseRequest, state: unknown, socket: MseSocket | undefined): MsePlayer {
    // Written by `exportState` below; its shape is what the manifest's `handoff` number stands for.
    const { ready, joined, streamName } = state as PlayerState;
    const player = new BusMsePlayer(this.#ctx, this, request, ready);
    player.continue(socket, joined, streamName ?? request.streamName);
    return player;
  }

  /** The fan-out of a stream. @throws WcsError MEDIA_E_NOT_FOUND when the stream has just ended */
  fanoutOf(stream: Stream): MseFanout {
    const known = this.#fanouts.get(stream.id);
    if (known !== undefined) return known;
    const made = new MseFanout(this.#ctx, stream, () => this.#fanouts.delete(stream.id));
    this.#fanouts.set(stream.id, made);
    return made;
  }
}

class BusMsePlayer implements MsePlayer, MseViewer {
  readonly #ctx: PluginContext;
  readonly #bus: MseBus;
  readonly #request: MseRequest;
  readonly #stopped = new AbortController();
  readonly #held: Held;
  #stream: Stream | undefined;
  #fanout: MseFanout | undefined;
  #ready: boolean;
  #cancelTimeout: (() => void) | undefined;

  constructor(ctx: PluginContext, bus: MseBus, request: MseRequest, ready: boolean) {
    this.#ctx = ctx;
    this.#bus = bus;
    this.#request = request;
    this.#ready = ready;
    this.#held = request.session.scope.add(`MSE playback of ${request.streamName}`, () => this.stop());
  }

  get playback(): Playback | undefined {
    return this.#stream?.playback;
  }

  start(): void {
    this.#request.session.background(this.#resolve());
  }

  continue(socket: MseSocket | undefined, joined: PlayerState['joined'], streamName: string): void {
    this.#stream = this.#ctx.media.find(streamName);
    if (this.#stream === undefined) throw new Error(`Stream ${streamName} has ended meanwhile`);
    this.#join(this.#stream);
    if (socket !== undefined) this.#fanout?.connect(this, socket, joined);
  }

  connect(socket: MseSocket): void {
    this.#fanout?.connect(this, socket);
  }

  disconnect(): void {
    this.#fanout?.disconnect(this);
  }

  stop(): void {
    this.#held.detach();
    this.#stopped.abort();
    this.#cancelTimeout?.();
    const fanout = this.#fanout;
    this.#fanout = undefined;
    fanout?.leave(this);
  }

  exportState(): PlayerState {
    return { ready: this.#ready, joined: this.#fanout?.flush(this), streamName: this.#stream?.name };
  }

  onTracks(tracks: readonly TrackDescriptor[]): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#cancelTimeout?.();
    const video = tracks.find(({ kind }) => kind === 'video');
    const audio = tracks.find(({ kind }) => kind === 'audio');
    const { width, height } = video ?? {};
    const lost = audio === undefined ? this.#stream?.tracks.find(({ kind }) => kind === 'audio') : undefined;
    const remark = lost === undefined ? {} : { remark: `No audio: the stream has ${lost.codec}, MSE plays aac; publish aac or enable a transcoder` };
    this.#request.sink.onReady(
      { video: video !== undefined, ...(audio === undefined ? {} : { audio: { sampleRateHz: audio.sampleRateHz ?? audio.clockRateHz, channels: audio.channels ?? 2 } }) },
      { ...(width === undefined || height === undefined ? {} : { width, height }), ...remark },
    );
  }

  onEnded(info: string): void {
    this.#fanout = undefined;
    this.stop();
    this.#request.sink.onEnded(info);
  }

  async #resolve(): Promise<void> {
    const { streamName, params, session, sink } = this.#request;
    const { signal } = this.#stopped;
    try {
      this.#stream = await this.#ctx.media.resolve(streamName, { params, caller: session.entry.peer?.address, signal, personal: true });
      if (signal.aborted) return;
      this.#cancelTimeout = session.timers.after(TRACKS_TIMEOUT_MS, () => this.#fail(INFO.failed));
      await this.#stream.ready(signal);
      this.#join(this.#stream);
    } catch (error) {
      if (signal.aborted) return;
      session.log.debug('MSE playback refused', { stream: streamName, reason: messageOf(error) });
      this.stop();
      sink.onEnded(infoOfError(error));
    }
  }

  #join(stream: Stream): void {
    this.#fanout = this.#bus.fanoutOf(stream);
    this.#fanout.join(this);
  }

  #fail(info: string): void {
    this.stop();
    this.#request.sink.onEnded(info);
  }
}
