import type { CallStatus, PluginContext, PluginSession, TelephoneAccount, TransferStatus } from 'wcs-core';
import { addressesOf } from './addresses.ts';
import type { Agents } from './agents.ts';
import type { Call } from './call.ts';
import type { CallMediaPort, CallMediaRequest, CallMediaSink } from './call-media.ts';
import type { Outcome } from './outcome.ts';
import type { SrfHeaders, SrfRequest, SrfResponse } from './srf.ts';
import type { TransferState } from './transfer.ts';

/** What a call is; plain data. */
export interface CallPlan {
  readonly callId: string;
  readonly incoming: boolean;
  readonly account: TelephoneAccount;
  readonly caller: string;
  readonly callee: string;
  /** Number or address that is called, where it is not what people know. */
  readonly calledUser: string;
  readonly visibleName: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** Whose call it is: a client of `Telephony`, or nobody but the server. */
  readonly clientId: string | undefined;
  /** User part of our Contact. */
  readonly token: string;
  /** IP address of whoever asked for it; undefined for the server itself. */
  readonly callerAddress: string | undefined;
  /** Codecs that our side has; undefined: the configured ones. */
  readonly codecs: CallMediaRequest['codecs'];
  /** Stream that the peer's media becomes. */
  readonly streamName: string;
  /** Further headers of our INVITE. */
  readonly headers?: SrfHeaders;
  /** A call of ours whose place this one takes when it is answered, and whose stream it goes on with. */
  readonly succeeds?: Succession | undefined;
}

/** A call in the place of another. */
export interface Succession {
  readonly callId: string;
  /** How the peer of the other call is told, and in which dialog, where its REFER is what began this one: also when that call is over. @see RFC 3515 section 2.4.4 */
  readonly told: { readonly event: string; readonly place: string; readonly dialogId: string } | undefined;
}

/** What every call is given. */
export interface CallServices {
  readonly ctx: PluginContext;
  readonly agents: () => Agents;
  readonly media: CallMediaPort;
  readonly nowMs: () => number;
  /** Milliseconds without media after which a call is over; 0: never. */
  readonly rtpTimeoutMs: number;
  /** Something of its facts has changed. */
  onStatus(call: Call): void;
  /** Media is agreed on, perhaps anew; before the status says so. */
  onMedia(call: Call): void;
  /** The other side has pressed a key; which one may be part of a secret. */
  onKey(): void;
  onTransfer(call: Call, target: string, status: TransferStatus): void;
  /** A text of the peer; false when nobody can have it. */
  onText(call: Call, request: SrfRequest): boolean;
  /** The peer sends us to somebody else. */
  onRefer(call: Call, request: SrfRequest, response: SrfResponse): void;
  /** It has been answered: where it takes the place of another, it does so now. */
  onEstablished(call: Call): void;
  /** Whether another call is under way to take the place of this one. */
  isSucceeded(call: Call): boolean;
  /** What was played to the peer has ended. */
  onPlayEnded(call: Call): void;
  /** Last of all. */
  onOver(call: Call, outcome: Outcome): void;
}

/** Plain data of a `Call`. */
export interface CallState {
  readonly plan: CallPlan;
  readonly status: CallStatus;
  readonly statusCode: number | undefined;
  readonly dialogId: string | undefined;
  /** Of our INVITE, while it waits for its answer. */
  readonly transactionId: string | undefined;
  readonly establishedAtMs: number | undefined;
  /** Nothing is left but a call that is to take the place of this one. */
  readonly left: boolean;
  /** How often the peer has sent us to somebody else. */
  readonly referrals: number;
  readonly transfer: TransferState | undefined;
  readonly media: unknown;
}

/** What the media of a call is made for. */
export function mediaRequestOf(session: PluginSession, { hasAudio, hasVideo, codecs, account, streamName, callerAddress }: CallPlan, sink: CallMediaSink): CallMediaRequest {
  return {
    ...{ session, audio: hasAudio, video: hasVideo, streamName, sink },
    ...(codecs === undefined ? {} : { codecs }),
    peerHost: addressesOf(account).host,
    callerAddress,
    // The same for a call that takes the place of another, and goes on with its stream.
    owner: `call:${streamName}`,
    meta: { plugin: 'sip', protocol: 'sip', sessionId: session.id, params: {} },
  };
}
