import { waitForStream, WcsError, type PluginContext, type Stream } from 'wcs-core';
import type { AmfValue } from 'wcs-core/formats/amf';
import type { MediaLink, RelayFacts, RelayHost, RelayMedia, RestoredMedia, SoundControl } from '../client/relay-media.ts';
import type { RtmpSettings } from '../server/settings.ts';
import { PushFeed, type FeedState } from './push-feed.ts';
import { PushSound, type SoundState } from './push-sound.ts';
import { readSound } from './sound-file.ts';

/** Plain data of a `PushMedia`. */
interface PushState {
  readonly sound: SoundState;
  /** Undefined while there is no connection. */
  readonly feed: FeedState | undefined;
}

/** A stream of ours for another server: fed to one connection after the other until the stream ends. */
export class PushMedia implements RelayMedia {
  readonly sound: SoundControl;
  readonly #ctx: PluginContext<RtmpSettings>;
  readonly #host: RelayHost;
  readonly #sound: PushSound;
  #stream: Stream | undefined;
  #feed: PushFeed | undefined;

  /** @param restored of a push of the previous version */
  constructor(ctx: PluginContext<RtmpSettings>, host: RelayHost, restored?: RestoredMedia) {
    this.#ctx = ctx;
    this.#host = host;
    // Written by `exportState` below; its shape is what the manifest's `handoff` number stands for.
    const state = restored?.state as PushState | undefined;
    this.#sound = new PushSound(() => this.#feed?.soundChanged(), state?.sound);
    this.sound = {
      setMuted: (muted) => (this.#sound.muted = muted),
      soundOn: (file, loop) => this.#soundOn(file, loop),
      soundOff: () => this.#soundOff(),
    };
    if (state === undefined) return;
    this.#hold(ctx.media.find(host.order.localName));
    if (restored?.link !== undefined && state.feed !== undefined) this.#feed = this.#feedTo(restored.link, state.feed);
  }

  get facts(): RelayFacts {
    const video = this.#feed?.tracks.find(({ kind }) => kind === 'video');
    const { muted, playsFile: soundEnabled } = this.#sound;
    return { streamId: this.#stream?.id, width: video?.width, height: video?.height, muted, soundEnabled, omitted: this.#feed?.omitted ?? [] };
  }

  async prepare(signal: AbortSignal): Promise<void> {
    const { session, order } = this.#host;
    const wanted = { name: order.localName, params: {}, caller: order.caller, waitMs: this.#ctx.settings.playWaitMs, signal };
    const stream = await waitForStream(this.#ctx.media, session.timers, wanted);
    // Within this turn, so that nobody takes a stream without readers for unwanted.
    if (!signal.aborted) this.#hold(stream);
  }

  open(link: MediaLink): void {
    this.#feed?.close();
    this.#feed = this.#feedTo(link);
    this.#host.onFlowing();
  }

  pause(_reason: string): void {
    this.#feed?.close();
    this.#feed = undefined;
  }

  end(reason: string): void {
    this.pause(reason);
  }

  exportState(): PushState {
    return { sound: this.#sound.exportState(), feed: this.#feed?.exportState() };
  }

  // A server to which we publish has no media for us.
  audio(_timestampMs: number, _body: Uint8Array): void {}

  video(_timestampMs: number, _body: Uint8Array): void {}

  data(_values: readonly AmfValue[]): void {}

  /** A reader that takes nothing: keeps the stream wanted while there is no connection, and hears of its end. */
  #hold(stream: Stream | undefined): void {
    if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${this.#host.order.localName} has ended.`);
    this.#stream = stream;
    const sink = { onTracks: () => undefined, onEnd: (reason: string) => this.#host.onOver(reason) };
    this.#host.session.subscribe(stream, { plane: 'frames', accept: [], from: 'live', label: 'rtmp push, waiting', sink });
  }

  #feedTo(link: MediaLink, state?: FeedState): PushFeed | undefined {
    const stream = this.#stream;
    if (stream === undefined) return undefined;
    const onTooSlow = (): void => this.#host.onBroken(new WcsError('NET_E_PEER_BROKEN', 'The server takes the stream more slowly than it comes.'));
    return new PushFeed({ session: this.#host.session, stream, link, sound: this.#sound, handlers: { onTooSlow } }, state);
  }

  async #soundOn(file: string, loop: boolean): Promise<void> {
    this.#sound.play(await readSound(this.#ctx.settings.client.soundFolder, file), loop);
    this.#feed?.soundChanged();
  }

  #soundOff(): void {
    if (!this.#sound.playsFile) return;
    this.#sound.stop();
    this.#feed?.soundChanged();
  }
}
