import type { Playback, PluginSession, RtpPortPair, Stream } from 'wcs-core';
import type { FoundStream, SetTrack, UrlParams } from '../session/session-state.ts';
import type { SdpTrack } from '../wire/sdp-read.ts';
import type { DescribedTrack } from '../wire/sdp-write.ts';

/** A stream that somebody wants to play. */
export interface FindRequest {
  readonly session: PluginSession;
  readonly name: string;
  readonly params: UrlParams;
  readonly signal: AbortSignal;
}

/** Where a reader's packets go. */
export interface PlayRequest {
  readonly session: PluginSession;
  readonly name: string;
  readonly params: UrlParams;
  /** As described to the reader. */
  readonly tracks: readonly DescribedTrack[];
  readonly set: readonly SetTrack[];
  readonly sink: PlaySink;
}

/** The reader's connection. */
export interface PlaySink {
  /** The peer's address, to which datagrams go. */
  readonly address: string;
  write(bytes: Uint8Array): boolean;
  readonly backlogBytes: number;
  /** The stream has ended, or became something that was not described. */
  onEnded(reason: string): void;
  /** The reader was too slow for too long. */
  onOverflow(): void;
}

/** What is known of the first packet of a track. */
export interface TrackStart {
  /** Of the track in the description. */
  readonly index: number;
  readonly sequence?: number;
  readonly rtpTime?: number;
}

/** A reader at work. */
export interface Player {
  /**
   * What a PLAY tells of the next packets; asked before `start`, and again when a file goes on.
   *
   * @param startUs position of a file, microseconds, where it is known
   */
  starts(startUs?: number): readonly TrackStart[];
  /** Sends from now on. */
  start(): void;
  /** RTCP of the reader that came for a track. @param index of the track in the description */
  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void;
  /** Called about once a second. */
  tick(nowMs: number): void;
  /** Writes what is pending. */
  flush(): void;
  stop(): void;
  /** Bytes that left beside the connection. */
  readonly datagramBytes: number;
  /** Plain data for `restorePlayer`; writes what is pending. */
  exportState(): unknown;
}

/** A stream that a peer wants to publish. */
export interface PublishRequest {
  readonly session: PluginSession;
  readonly peer: { readonly address: string; readonly port: number };
  readonly name: string;
  readonly params: UrlParams;
  readonly user: string | undefined;
  readonly tracks: readonly SdpTrack[];
  readonly set: readonly SetTrack[];
  /** Sends a compound on the RTCP path of a track that was set up. */
  sendRtcp(index: number, compound: Uint8Array): void;
  /** The stream was taken away: another publisher has it, or an operator ended it. */
  onTerminate(reason: string): void;
}

/** A publisher at work. Nothing throws for what a peer sent. */
export interface Publisher {
  rtp(index: number, packet: Uint8Array, receivedAtMs: number): void;
  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void;
  tick(nowMs: number): void;
  readonly lastPacketMs: number | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  /** The peer has ended the stream itself: nobody needs to wait for it. */
  end(reason: string): void;
  /** Plain data for `restorePublisher`. */
  exportState(): unknown;
}

/** Where the server gets media from and hands it to; the bridge to the media bus. */
export interface MediaPort {
  /** The stream, once its tracks are known. @throws WcsError MEDIA_E_NOT_FOUND and what else the bus says */
  find(request: FindRequest): Promise<Stream>;
  /** What a description can tell of a stream. */
  describe(stream: Stream): FoundStream;
  /** Steers a stream that is played from a file; undefined for what is live, or gone. */
  playbackOf(name: string): Playback | undefined;
  /**
   * Keeps a stream for a reader that has yet to PLAY, and a file at its start.
   *
   * @returns lets go of it
   */
  hold(session: PluginSession, name: string): () => void;
  /** @throws WcsError MEDIA_E_NOT_FOUND when the stream has just ended */
  play(request: PlayRequest): Player;
  /** @throws WcsError MEDIA_E_NAME_IN_USE, MEDIA_E_NAME_INVALID */
  publish(request: PublishRequest): Publisher;
  restorePlayer(request: PlayRequest, state: unknown): Player;
  restorePublisher(request: PublishRequest, state: unknown): Publisher;
  /** Called about once a second. */
  tick(nowMs: number): void;
}

/** The sockets that all readers over UDP are served through. */
export interface PlayerPorts {
  readonly pair: RtpPortPair | undefined;
}
