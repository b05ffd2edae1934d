import type { Codec, PluginSession, Stream, StreamMeta } from 'wcs-core';

/** What the media of a call is made for. */
export interface CallMediaRequest {
  readonly session: PluginSession;
  readonly audio: boolean;
  readonly video: boolean;
  /** Codecs that our side has, best first; default: the configured ones. */
  readonly codecs?: readonly Codec[];
  /** Host that signalling goes to: our address is the one that faces it. */
  readonly peerHost: string;
  /** Stream that the peer's media becomes. */
  readonly streamName: string;
  readonly owner: string;
  readonly meta: StreamMeta;
  /** IP address of whoever asked for the call: media goes only where they may have it sent; undefined for the server itself. */
  readonly callerAddress: string | undefined;
  readonly sink: CallMediaSink;
}

/** Told what happens to the media of a call. */
export interface CallMediaSink {
  /** The peer has pressed a key of its telephone. */
  onKey(key: string): void;
  /** A picture is needed that can be understood by itself, and media has no way to say so. */
  onKeyFrameWanted(): void;
  /** The stream that was played has ended. */
  onPlayEnded(reason: string): void;
  /** The published stream was taken away. */
  onTerminated(reason: string): void;
  /** The other side is not who it has said to be. */
  onFailed(info: string): void;
}

/** The media of one call: RTP towards the peer, streams of the bus on our side. */
export interface CallMedia {
  /** Codecs that are agreed on, sound first. */
  readonly codecs: readonly Codec[];
  readonly hasVideo: boolean;
  /** True while we ask the peer not to send; true while it asks that of us. */
  readonly held: boolean;
  readonly heldByPeer: boolean;
  /** The stream that is played to the peer. */
  readonly playing: Stream | undefined;
  /** Monotonic milliseconds of the peer's last packet. */
  readonly lastPacketMs: number | undefined;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** Our offer. @param held asks the peer not to send */
  offer(held?: boolean): string;
  /** @throws ProtocolError, WcsError MEDIA_E_NO_COMMON_CODEC */
  answer(offer: string): string;
  /** Takes the answer to our offer, also one that is only a preview. @throws ProtocolError, WcsError MEDIA_E_NO_COMMON_CODEC */
  accept(answer: string): void;
  /** Sends that stream to the peer from now on; undefined: nothing. @throws WcsError where the peer could take nothing of it */
  play(stream: Stream | undefined): void;
  /** Presses keys; false where the peer takes no such events. @see RFC 4733 */
  press(keys: string): boolean;
  /** The peer has asked for a picture that can be understood by itself. */
  requestKeyFrame(): void;
  /** To be called several times a second. */
  tick(nowMs: number): void;
  end(reason: string): void;
  /** Undefined while something is under way that another version could not take. */
  exportState(): object | undefined;
}

/** Where calls get their media from; the bridge to the media bus. */
export interface CallMediaPort {
  /** @throws WcsError NET_E_PORT_EXHAUSTED */
  open(request: CallMediaRequest): Promise<CallMedia>;
  /** Goes on with the media of the previous version, whose ports and publication the session holds. */
  restore(request: CallMediaRequest, state: unknown): CallMedia;
}
