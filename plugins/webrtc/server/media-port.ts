import type { PluginSession, Stream, StreamMeta } from 'wcs-core';
import type { RtpSender } from 'wcs-core/rtp/fanout/engine';
import type { AcceptedMedia } from '../wire/negotiate-answer.ts';
import type { PictureWish } from '../session/layer-choice.ts';
import type { AnswerSource, BitrateBounds } from '../wire/sdp-answer.ts';

/** A stream that a peer wants to publish. */
export interface PublishRequest {
  readonly session: PluginSession;
  readonly name: string;
  /** Who may replace the publication while it looks alive. */
  readonly owner: string;
  readonly meta: StreamMeta;
  readonly media: readonly AcceptedMedia[];
  readonly bitrate: BitrateBounds;
  readonly sink: PublishSink;
}

/** The publisher's peer. */
export interface PublishSink {
  /** Sends a compound on the transport of an m-section. */
  sendRtcp(index: number, compound: Uint8Array): void;
  /** The stream was taken away: another publisher has it, or an operator ended it. */
  onTerminated(reason: string): void;
}

/** A session that publishes: what its transports hand on. */
export interface Publisher {
  /** Video bits since the last call. */
  takeVideoBits(): number;
  /** Monotonic milliseconds of the last packet; undefined before the first. */
  readonly lastPacketMs: number | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  /** One RTP packet; the m-sections that use the transport it came from. @throws ProtocolError */
  rtp(packet: Uint8Array, indices: readonly number[], receivedAtMs: number): void;
  /** One compound of RTCP. @throws ProtocolError */
  rtcp(compound: Uint8Array, receivedAtMs: number): void;
  /** Asks for what is missing and reports; called about every `TICK_MS`. */
  tick(nowMs: number): void;
  /** The peer has ended the stream itself: nobody needs to wait for it. */
  end(reason: string): void;
  /** Plain data for `restorePublisher`. */
  exportState(): unknown;
}

/** A stream that a peer wants to play over one transport. */
export interface PlayRequest {
  readonly session: PluginSession;
  readonly stream: Stream;
  /** The m-sections of the transport. */
  readonly media: readonly AcceptedMedia[];
  readonly sourceOf: (media: AcceptedMedia) => AnswerSource | undefined;
  readonly wish: PictureWish;
  readonly sender: RtpSender;
  readonly sink: PlaySink;
}

/** Told what becomes of a viewer. */
export interface PlaySink {
  onResize(width: number, height: number): void;
  /** The stream has a kind of media that the viewer cannot take. */
  onMissing(kind: 'audio' | 'video', codec: string, remedy: string): void;
  /** Last of all. */
  onEnded(reason: string): void;
}

/** A session that plays. */
export interface Player {
  takeVideoBits(): number;
  readonly facts: Readonly<Record<string, unknown>>;
  rtcp(compound: Uint8Array, receivedAtMs: number): void;
  tick(nowMs: number): void;
  stop(): void;
  exportState(): unknown;
}

/** Where sessions get media from and hand it to; the bridge to the media bus. */
export interface MediaPort {
  /** @throws WcsError MEDIA_E_NAME_IN_USE, MEDIA_E_NAME_INVALID */
  publish(request: PublishRequest): Publisher;
  /** @throws WcsError when the stream has ended or has nothing for the viewer */
  play(request: PlayRequest): Player;
  /** Goes on with a publisher of the previous version. */
  restorePublisher(request: PublishRequest, state: unknown): Publisher;
  /** Goes on with a viewer of the previous version, without a packet lost or repeated. */
  restorePlayer(request: PlayRequest, state: unknown): Player;
}
