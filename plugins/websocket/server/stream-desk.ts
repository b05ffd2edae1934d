import { messageOf, OFFER_ANSWER, type MediaOffer, type OfferAnswer, type PluginContext, type PluginSession, type WebSocketConnection } from 'wcs-core';
import type { ClientSession, Effect } from '../session/client-session.ts';
import { INFO, infoOfError } from '../session/infos.ts';
import type { MediaStream } from '../session/media-stream.ts';
import type { StreamRequest } from '../wire/client-message.ts';
import { mseAnswer } from '../wire/mse-sdp.ts';
import type { MsePlayer, MsePort, MseRequest } from './mse-port.ts';
import type { WebSocketSettings } from './settings.ts';

/** Capability through which the media side tells what happens. */
export const MEDIA_LISTENER = 'websocket-media';
/** A player that was answered opens its media socket within this. */
const MEDIA_SOCKET_TIMEOUT_MS = 10_000;
/** Browsers close the media socket before they say stop. */
const MEDIA_SOCKET_GRACE_MS = 2_000;

const NO_WEBRTC = 'WebRTC is not enabled on this server';

/** Plain data of one MSE playback. */
export interface MsePlaybackState {
  readonly mediaSessionId: string;
  readonly params: Readonly<Record<string, string>>;
  readonly player: unknown;
  /** Place of the media socket among the session's WebSockets. */
  readonly socketIndex: number | undefined;
}

interface MsePlayback {
  readonly stream: MediaStream;
  readonly params: Readonly<Record<string, string>>;
  readonly player: MsePlayer;
  socket: WebSocketConnection | undefined;
  cancelTimeout: (() => void) | undefined;
}

/** What a desk needs of its peer. */
export interface DeskHost {
  readonly ctx: PluginContext<WebSocketSettings>;
  readonly mse: MsePort;
  readonly session: PluginSession;
  readonly machine: ClientSession;
  readonly peer: { readonly address: string; readonly port: number };
  perform(effects: readonly Effect[]): void;
}

/** The media of one client's streams: peer connections by whoever answers offers, MSE by the media bus. */
export class StreamDesk {
  readonly #host: DeskHost;
  /** Oldest first. */
  readonly #playbacks = new Map<string, MsePlayback>();

  constructor(host: DeskHost) {
    this.#host = host;
  }

  /** MSE playbacks that have their socket. */
  get mediaSockets(): readonly WebSocketConnection[] {
    return [...this.#playbacks.values()].flatMap(({ socket }) => socket ?? []);
  }

  open(stream: MediaStream, request: StreamRequest, params: Readonly<Record<string, string>>): void {
    if (stream.provider === 'mse') this.#openMse(stream, params);
    else this.#host.session.background(this.#openWebRtc(stream, request, params));
  }

  close(stream: MediaStream, reason: string): void {
    const { mediaSessionId } = stream.facts;
    if (stream.provider === 'mse') return this.#closeMse(mediaSessionId);
    const { capabilities } = this.#host.ctx;
    if (capabilities.has(OFFER_ANSWER)) capabilities.get<OfferAnswer>(OFFER_ANSWER).close(mediaSessionId, reason);
  }

  /** Lets a file that plays to this client alone stand; what others watch as well goes on. */
  pause(stream: MediaStream): void {
    const playback = this.#playbacks.get(stream.facts.mediaSessionId)?.player.playback;
    playback?.pause();
    this.#host.perform(this.#host.machine.streamPaused(stream, playback !== undefined));
  }

  resume(stream: MediaStream): void {
    this.#playbacks.get(stream.facts.mediaSessionId)?.player.playback?.resume();
  }

  /** Gives a socket to the oldest playback that waits for one; false when none does. */
  bind(socket: WebSocketConnection): boolean {
    const playback = [...this.#playbacks.values()].find((one) => one.socket === undefined && one.stream.phase === 'live');
    if (playback === undefined) return false;
    playback.cancelTimeout?.();
    playback.socket = socket;
    playback.player.connect(socket);
    return true;
  }

  /** A media socket has gone; its playback ends unless it is stopped just now. */
  socketClosed(socket: WebSocketConnection): void {
    const playback = [...this.#playbacks.values()].find((one) => one.socket === socket);
    if (playback === undefined) return;
    playback.player.disconnect();
    playback.socket = undefined;
    this.#expectSocket(playback, MEDIA_SOCKET_GRACE_MS);
  }

  exportState(): readonly MsePlaybackState[] {
    const sockets = this.#host.session.webSockets;
    return [...this.#playbacks.values()].map(({ stream, params, player, socket }) => ({
      mediaSessionId: stream.facts.mediaSessionId,
      params,
      player: player.exportState(),
      socketIndex: socket === undefined ? undefined : sockets.indexOf(socket),
    }));
  }

  /** Goes on with the playbacks of the previous version. */
  restore(states: readonly MsePlaybackState[]): void {
    const { session, machine, mse } = this.#host;
    for (const { mediaSessionId, params, player: state, socketIndex } of states) {
      const stream = machine.find(mediaSessionId);
      if (stream === undefined) continue;
      const socket = socketIndex === undefined ? undefined : session.webSockets[socketIndex];
      const player = mse.restore(this.#mseRequest(stream, params), state, socket);
      // It may have ended at once.
      if (machine.find(mediaSessionId) === undefined) continue;
      const playback: MsePlayback = { stream, params, player, socket, cancelTimeout: undefined };
      this.#playbacks.set(mediaSessionId, playback);
      if (socket === undefined) this.#expectSocket(playback, MEDIA_SOCKET_TIMEOUT_MS);
    }
  }

  async #openWebRtc(stream: MediaStream, request: StreamRequest, params: Readonly<Record<string, string>>): Promise<void> {
    const { ctx, session, machine } = this.#host;
    if (!ctx.capabilities.has(OFFER_ANSWER)) {
      this.#host.perform(machine.streamFailed(stream, NO_WEBRTC));
      return;
    }
    let sdp: string;
    try {
      ({ sdp } = await ctx.capabilities.get<OfferAnswer>(OFFER_ANSWER).answer(this.#offer(stream, request, params)));
    } catch (error) {
      session.log.debug('An offer was refused', { stream: stream.streamName, direction: stream.facts.published ? 'publish' : 'play', reason: messageOf(error) });
      this.#host.perform(machine.streamFailed(stream, infoOfError(error)));
      return;
    }
    this.#host.perform(machine.streamOpened(stream, sdp));
  }

  #offer(stream: MediaStream, request: StreamRequest, params: Readonly<Record<string, string>>): MediaOffer {
    const { session, peer, machine: { login } } = this.#host;
    const { published } = stream.facts;
    const { sdp, transport, orientation, minBitrate, width, height } = request;
    // What a player names as its bitrate bounds what it is sent.
    const maxBitrate = published || request.bitrate === 0 ? request.maxBitrate : request.bitrate;
    return {
      id: stream.facts.mediaSessionId,
      sdp,
      direction: published ? 'publish' : 'play',
      name: stream.streamName,
      owner: `websocket:${session.id}`,
      listener: MEDIA_LISTENER,
      orientation,
      ...(transport === undefined ? {} : { transport }),
      ...(minBitrate === 0 ? {} : { minBitrateBps: minBitrate * 1000 }),
      ...(maxBitrate === 0 ? {} : { maxBitrateBps: maxBitrate * 1000 }),
      ...(published || width === 0 ? {} : { maxWidth: width }),
      ...(published || height === 0 ? {} : { maxHeight: height }),
      meta: { plugin: 'websocket', protocol: 'webrtc', sessionId: session.id, peer, params, record: stream.facts.record, ...(login === undefined ? {} : { login }) },
    };
  }

  #openMse(stream: MediaStream, params: Readonly<Record<string, string>>): void {
    const player = this.#host.mse.open(this.#mseRequest(stream, params));
    this.#playbacks.set(stream.facts.mediaSessionId, { stream, params, player, socket: undefined, cancelTimeout: undefined });
  }

  #mseRequest(stream: MediaStream, params: Readonly<Record<string, string>>): MseRequest {
    const { session, machine } = this.#host;
    const { mediaSessionId } = stream.facts;
    return {
      session,
      streamName: stream.streamName,
      params,
      sink: {
        onReady: (media, { width, height, remark }) => {
          if (remark !== undefined) stream.remark = remark;
          this.#host.perform(machine.streamOpened(stream, mseAnswer(media)));
          this.#host.perform(machine.mediaEvent(stream, { type: 'connected' }));
          if (width !== undefined && height !== undefined) this.#host.perform(machine.mediaEvent(stream, { type: 'resize', width, height }));
          const playback = this.#playbacks.get(mediaSessionId);
          if (playback !== undefined) this.#expectSocket(playback, MEDIA_SOCKET_TIMEOUT_MS);
        },
        onEnded: (info) => {
          this.#closeMse(mediaSessionId);
          this.#host.perform(machine.streamFailed(stream, info));
        },
      },
    };
  }

  #expectSocket(playback: MsePlayback, withinMs: number): void {
    const { session, machine } = this.#host;
    playback.cancelTimeout = session.timers.after(withinMs, () => {
      this.#host.perform(machine.streamFailed(playback.stream, INFO.failed));
    });
  }

  #closeMse(mediaSessionId: string): void {
    const playback = this.#playbacks.get(mediaSessionId);
    if (playback === undefined) return;
    this.#playbacks.delete(mediaSessionId);
    playback.cancelTimeout?.();
    playback.player.stop();
    playback.socket?.close(1000);
  }
}
