import type { PluginSession } from 'wcs-core';
import type { AmfValue } from 'wcs-core/formats/amf';
import type { FourCc } from '../session/connect-request.ts';
import type { PlayActivity } from '../session/session-state.ts';
import type { UrlParams } from '../session/url-params.ts';

/** A stream that a peer wants to publish. */
export interface PublishRequest {
  readonly session: PluginSession;
  readonly peer: { readonly address: string; readonly port: number };
  readonly app: string;
  readonly name: string;
  readonly params: UrlParams;
  /** The stream was taken away: another publisher has it, or an operator ended it. */
  onTerminate(reason: string): void;
}

/** A message stream that publishes: what the connection hands on. Methods throw ProtocolError for bodies that make no sense. */
export interface Publisher {
  audio(timestampMs: number, body: Uint8Array): void;
  video(timestampMs: number, body: Uint8Array): void;
  data(timestampMs: number, values: readonly AmfValue[]): void;
  /** The peer has ended the stream itself: nobody needs to wait for it. */
  end(reason: string): void;
  /** Plain data for `restorePublisher`. */
  exportState(): unknown;
}

/** A stream that a peer wants to play. */
export interface PlayRequest {
  readonly session: PluginSession;
  readonly streamId: number;
  readonly activity: PlayActivity;
  readonly fourCcs: readonly FourCc[];
  readonly sink: PlaySink;
}

/** The player's connection. */
export interface PlaySink {
  write(bytes: Uint8Array): boolean;
  readonly backlogBytes: number;
  /** The stream is there; its media is written as soon as this returns. */
  onStarted(): void;
  onFailed(code: 'NetStream.Play.StreamNotFound' | 'NetStream.Play.Failed', reason: string): void;
  /** The publisher has returned after a break. */
  onResumed(): void;
  onEnded(): void;
  /** The player was too slow for too long. */
  onOverflow(): void;
}

/** A message stream that plays. */
export interface Player {
  /** Pauses, resumes, or leaves sound or picture out. */
  change(activity: PlayActivity): void;
  /** Goes to a position of a stream that has positions; false where it is live. @throws WcsError when its file fails */
  seek(positionMs: number): Promise<boolean>;
  stop(): void;
  /** Plain data for `restorePlayer`; writes what is pending. */
  exportState(): unknown;
}

/** Where the server gets media from and hands it to; the bridge to the media bus. */
export interface MediaPort {
  /** @throws WcsError when the name is taken or invalid */
  publish(request: PublishRequest): Publisher;
  play(request: PlayRequest): Player;
  /** Goes on with a publisher of the previous version. */
  restorePublisher(request: PublishRequest, state: unknown): Publisher;
  /** Goes on with a player of the previous version, without a frame lost or repeated. */
  restorePlayer(request: PlayRequest, state: unknown): Player;
}
