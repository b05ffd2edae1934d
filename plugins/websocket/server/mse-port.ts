import type { Playback, PluginSession } from 'wcs-core';
import type { MseMedia } from '../wire/mse-sdp.ts';

/** A stream that a client wants to play over a WebSocket. */
export interface MseRequest {
  readonly session: PluginSession;
  /** Name on the server, or the URI of a source. */
  readonly streamName: string;
  readonly params: Readonly<Record<string, string>>;
  readonly sink: MseSink;
}

/** What is told of an MSE playback. */
export interface MseSink {
  /** The stream is there: answer with this. `remark` says what is left out. */
  onReady(media: MseMedia, facts: { readonly width?: number; readonly height?: number; readonly remark?: string }): void;
  /** Last of all, unless the playback was stopped: why it failed. */
  onEnded(info: string): void;
}

/** The WebSocket that carries the media. */
export interface MseSocket {
  /** Takes whole frames. */
  writeFramed(frames: Uint8Array): boolean;
  readonly backlogBytes: number;
}

/** An MSE playback at work. */
export interface MsePlayer {
  /** Steers what is played, where it is a copy for this client alone. */
  readonly playback: Playback | undefined;
  /** Media goes to the socket from now on: configurations, then from a key frame. */
  connect(socket: MseSocket): void;
  disconnect(): void;
  stop(): void;
  /** Plain data for `restore`; writes what is pending. */
  exportState(): unknown;
}

/** Where MSE playbacks get their media; the bridge to the media bus. */
export interface MsePort {
  open(request: MseRequest): MsePlayer;
  /** Goes on with a playback of the previous version, without a frame lost or repeated. */
  restore(request: MseRequest, state: unknown, socket: MseSocket | undefined): MsePlayer;
}
