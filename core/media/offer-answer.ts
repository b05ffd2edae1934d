import type { Codec } from './codecs.ts';
import type { StreamMeta } from './stream.ts';

/** Name under which the media side of browsers is provided. */
export const OFFER_ANSWER = 'offer-answer';

/** Which way media goes. */
export type MediaDirection = 'publish' | 'play' | 'both';

/** An offer of a browser, already authorised by the signalling that took it. @see RFC 3264 */
export interface MediaOffer {
  /** Chosen by the signalling and unique: names the media session in every later call and event. */
  readonly id: string;
  readonly sdp: string;
  /** `both` publishes one stream and plays another, as a telephone does. */
  readonly direction: MediaDirection;
  /** Stream to publish or play; to play, also a URI with a known scheme. */
  readonly name: string;
  /** Stream to play in a session of both directions; published already. */
  readonly plays?: string;
  /** Codecs to choose among, best first; default: all that the media side has. */
  readonly codecs?: readonly Codec[];
  /** Who may replace a publication of the name while it looks alive. */
  readonly owner: string;
  /** Capability (`MediaSessionListener`) that is told what happens to the session. */
  readonly listener: string;
  /** Transport that the client asked for; default: whatever connects. */
  readonly transport?: 'udp' | 'tcp';
  /** Bounds of the publisher's video bitrate, bits per second. Of a viewer only the upper one counts: see `maxWidth`. */
  readonly minBitrateBps?: number;
  readonly maxBitrateBps?: number;
  /** The largest picture that a viewer wants, where the stream comes in several sizes; what comes in one size is sent as it is. */
  readonly maxWidth?: number;
  readonly maxHeight?: number;
  /** The publisher would rather tell how its pictures are turned than turn them. @see 3GPP TS 26.114 section 7.4.5 */
  readonly orientation?: boolean;
  readonly meta: StreamMeta;
}

/** A browser that is to be offered media both ways: what it sends is published, and a stream is played to it. */
export interface MediaInvitation extends Pick<MediaOffer, 'id' | 'name' | 'owner' | 'listener' | 'meta'> {
  /** Stream to play; it must be there when the answer is taken. */
  readonly plays: string;
  readonly kinds: readonly ('audio' | 'video')[];
  /** Codecs to offer, best first. */
  readonly codecs: readonly Codec[];
}

/** What happens to a media session after its answer. */
export type MediaSessionEvent =
  /** Media flows: transport and keys are there. */
  | { readonly type: 'connected' }
  | { readonly type: 'resize'; readonly width: number; readonly height: number }
  /** A kind of media that the stream has and the viewer cannot take; `remedy` says what would mend it. */
  | { readonly type: 'missing'; readonly kind: 'audio' | 'video'; readonly codec: string; readonly remedy: string }
  /** Once a second while video flows. */
  | { readonly type: 'rate'; readonly videoBps: number }
  /** Last of all. `info` is a documented text (`Failed by ICE timeout`, `Stopped by publisher stop`). */
  | { readonly type: 'ended'; readonly failed: boolean; readonly info: string };

/**
 * Answers the offers of browsers and carries their media. Sessions are named by id and events go to a capability, so
 * that neither side holds code of the other across a swap.
 */
export interface OfferAnswer {
  /**
   * Answers an offer, with every candidate in the SDP. Nothing but the error is told when it fails.
   *
   * @throws WcsError with the documented info text as message: MEDIA_E_NAME_IN_USE, MEDIA_E_NOT_FOUND,
   *   MEDIA_E_NO_COMMON_CODEC, or the code of a broken offer
   */
  answer(offer: MediaOffer): Promise<{ readonly sdp: string }>;
  /**
   * Makes an offer to a browser, with every candidate in the SDP; nothing flows before its answer is taken.
   *
   * @throws WcsError as `answer` does
   */
  offer(invitation: MediaInvitation): Promise<{ readonly sdp: string }>;
  /**
   * Takes a browser's answer to an offer.
   *
   * @param codecs those of the invitation that are left to choose among, best first
   * @throws WcsError as `answer` does, and the offer is over
   */
  accept(id: string, sdp: string, codecs: readonly Codec[]): Promise<void>;
  /** Ends a media session, or an offer, without an `ended` event; nothing happens when it is not there. */
  close(id: string, reason: string): void;
}

/** Told what happens to the media sessions that it asked for. */
export interface MediaSessionListener {
  onMediaEvent(id: string, event: MediaSessionEvent): void;
}
