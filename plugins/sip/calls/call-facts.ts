import type { CallStatus, PluginContext, TelephoneAccount } from 'wcs-core';
import type { Call } from './call.ts';
import type { CallMediaPort, CallMediaRequest } from './call-media.ts';
import type { Outcome } from './outcome.ts';
import type { SrfAgent } from './srf.ts';

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
}

/** What every call is given. */
export interface CallServices {
  readonly ctx: PluginContext;
  readonly srf: () => SrfAgent;
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
  onTransfer(call: Call, target: string, status: 'TRYING' | 'COMPLETED' | 'FAILED'): void;
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
  readonly media: unknown;
}
