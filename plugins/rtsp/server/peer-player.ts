import { messageOf, WcsError, type Connection, type PluginSession } from 'wcs-core';
import type { RtspSession } from '../session/rtsp-session.ts';
import type { Effect } from '../session/session-state.ts';
import type { MediaPort, Player, PlayRequest } from './media-port.ts';
import type { SharedPlayerPorts } from './player-ports.ts';

const US_PER_S = 1_000_000;

/** What a connection gives its player. */
export interface PeerPlayerParts {
  readonly session: PluginSession;
  readonly connection: Connection;
  readonly rtsp: RtspSession;
  readonly media: MediaPort;
  readonly ports: SharedPlayerPorts;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
  /** Carries out effects at once. */
  perform(effects: readonly Effect[]): void;
  /** Carries out what came of a wait, and goes on with what the peer has sent meanwhile. */
  continue(effects: readonly Effect[]): void;
  /** The reader has shown that it is there. */
  onSign(): void;
  onTooSlow(): void;
}

/** What a connection plays: one stream, left by a pause where it is live, and steered where it is a file. */
export class PeerPlayer {
  readonly #parts: PeerPlayerParts;
  #player: Player | undefined;
  #unlisten: (() => void)[] = [];
  #letGo: (() => void) | undefined;

  constructor(parts: PeerPlayerParts) {
    this.#parts = parts;
  }

  get isAtWork(): boolean {
    return this.#player !== undefined;
  }

  /** Bytes that left beside the connection. */
  get datagramBytes(): number {
    return this.#player?.datagramBytes ?? 0;
  }

  tick(nowMs: number): void {
    this.#player?.tick(nowMs);
  }

  exportState(): unknown {
    return this.#player?.exportState();
  }

  /** Goes on with the player of the previous version. */
  restore(state: unknown): void {
    this.#player = this.#parts.media.restorePlayer(this.#request(), state);
    this.#listenToReader();
  }

  /** Keeps a stream that was found until it is played. */
  hold(name: string): void {
    this.#letGo?.();
    this.#letGo = this.#parts.media.hold(this.#parts.session, name);
  }

  /** Answers a PLAY, and sends from then on. @param startS position of a file, seconds, where it is known */
  start(cseq: string, uri: string, startS?: number): void {
    const { rtsp, media, connection, session } = this.#parts;
    const request = this.#request();
    const before = this.#player;
    try {
      this.#player ??= media.play(request);
    } catch (error) {
      if (!(error instanceof WcsError)) throw error;
      session.log.debug('RTSP playing refused', { reason: error.message });
      return this.#parts.perform(rtsp.playFailed(cseq));
    }
    // What was written before a jump goes out before the reader hears of it.
    before?.flush();
    const starts = this.#player.starts(startS === undefined ? undefined : startS * US_PER_S);
    connection.write(rtsp.playStarted(cseq, uri, { starts, startS }));
    if (before === undefined) {
      this.#listenToReader();
      this.#player.start();
    }
    this.#release();
    media.playbackOf(request.name)?.resume();
  }

  /** Moves a file. */
  seek(startS: number): void {
    const { rtsp, media, session } = this.#parts;
    const seek = async (): Promise<void> => {
      const { target } = rtsp;
      const playback = target === undefined ? undefined : media.playbackOf(target.name);
      if (playback === undefined) {
        this.#parts.continue(rtsp.seekFailed());
        return;
      }
      try {
        const foundUs = await playback.seek(startS * US_PER_S);
        this.#parts.continue(rtsp.sought(foundUs / US_PER_S));
      } catch (error) {
        if (!(error instanceof WcsError)) throw error;
        session.log.debug('RTSP seeking refused', { stream: target?.name, reason: messageOf(error) });
        this.#parts.continue(rtsp.seekFailed());
      }
    };
    session.background(seek());
  }

  /** Holds a file where it is; leaves a live stream, which goes on without its reader. */
  pause(): void {
    const { target } = this.#parts.rtsp;
    const playback = target === undefined ? undefined : this.#parts.media.playbackOf(target.name);
    if (playback === undefined) return this.stop();
    playback.pause();
    this.#player?.flush();
  }

  stop(): void {
    for (const unlisten of this.#unlisten.splice(0)) unlisten();
    this.#player?.stop();
    this.#player = undefined;
    this.#release();
  }

  /** RTCP of the reader that came for a track. */
  rtcp(index: number, compound: Uint8Array): void {
    this.#parts.onSign();
    this.#player?.rtcp(index, compound, this.#parts.nowMs());
  }

  #release(): void {
    this.#letGo?.();
    this.#letGo = undefined;
  }

  #listenToReader(): void {
    const { ports, connection, rtsp } = this.#parts;
    this.#unlisten = rtsp.tracks.flatMap(({ index, path }) =>
      path.type === 'udp' ? [ports.listen(connection.remoteAddress, path.clientPorts[1], (compound) => this.rtcp(index, compound))] : [],
    );
  }

  #request(): PlayRequest {
    const { connection, session, rtsp } = this.#parts;
    const { target } = rtsp;
    if (target?.type !== 'play') throw new Error('Playing without a target');
    return {
      session,
      name: target.name,
      params: target.params,
      tracks: target.tracks,
      set: rtsp.tracks,
      sink: {
        address: connection.remoteAddress,
        write: (bytes) => connection.write(bytes),
        get backlogBytes() {
          return connection.backlogBytes;
        },
        onEnded: (reason) => this.#parts.perform(rtsp.ended(reason)),
        onOverflow: () => this.#parts.onTooSlow(),
      },
    };
  }
}
