/** Name under which telephone calls are provided. */
export const TELEPHONY = 'telephony';

/** Who somebody is for an exchange, and where that is. */
export interface TelephoneAccount {
  readonly login: string;
  /** Default: the login. */
  readonly authenticationName: string;
  readonly password: string;
  readonly domain: string;
  /** Host, or host and port, that everything goes to; empty: where the domain leads. */
  readonly outboundProxy: string;
  /** 0: what the domain says, or the usual one. */
  readonly port: number;
  /** Calls come in, and may need to be registered to go out. */
  readonly registerRequired: boolean;
  /** Name for people. */
  readonly visibleName: string;
}

/** How far a call is; the last three are final. @see WebSocket signalling section 9.2 */
export type CallStatus = 'PENDING' | 'TRYING' | 'RING' | 'RING_MEDIA' | 'ESTABLISHED' | 'HOLD' | 'FINISH' | 'BUSY' | 'FAILED';

/** A call, as lists and clients are told of it. */
export interface CallFacts {
  readonly callId: string;
  readonly incoming: boolean;
  readonly caller: string;
  readonly callee: string;
  readonly visibleName: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  readonly status: CallStatus;
  /** Status of the other side's answer, where there was one. */
  readonly statusCode?: number | undefined;
  /** Why it is over. */
  readonly info?: string | undefined;
}

/** How far the transfer of a call is; the last two are final. @see WCS REST section 12 */
export type TransferStatus = 'ACCEPTED' | 'TRYING' | 'COMPLETED' | 'FAILED';

/** A text beside calls. */
export interface TextMessage {
  /** Chosen by who sends it. */
  readonly id: string;
  readonly from: string;
  readonly to: string;
  /** Media type, with a charset where it has one. */
  readonly contentType: string;
  readonly body: string;
}

/** How far a message is: on its way, taken by the other side or not; or it came from there. @see WebSocket signalling section 11 */
export type MessageStatus = 'SENT' | 'ACCEPTED' | 'FAILED' | 'RECEIVED';

/** How keys are pressed. */
export type KeyMethod = 'RFC2833' | 'INFO' | 'INFO_RELAY';

/** A client's wish to call somebody. */
export interface CallWish {
  /** Chosen by the client, and unique. */
  readonly callId: string;
  readonly callee: string;
  readonly visibleName: string;
  readonly hasAudio: boolean;
  readonly hasVideo: boolean;
  /** The client's offer. */
  readonly sdp: string;
}

/** What happens to the account and the calls of a client. */
export type TelephonyEvent =
  | { readonly type: 'registered' }
  /** It is tried again; `info` says why. */
  | { readonly type: 'registrationFailed'; readonly info: string }
  /** What the client's media has to do: an answer to its offer, or an offer of ours before `incoming`. */
  | { readonly type: 'description'; readonly callId: string; readonly sdp: string }
  | { readonly type: 'incoming'; readonly call: CallFacts }
  | { readonly type: 'status'; readonly call: CallFacts }
  | { readonly type: 'message'; readonly message: TextMessage; readonly status: MessageStatus; readonly statusCode?: number | undefined; readonly info?: string | undefined }
  | { readonly type: 'transfer'; readonly callId: string; readonly target: string; readonly status: TransferStatus };

/** A client that telephones. */
export interface TelephonyClient {
  /** Names it in every later call and event. */
  readonly id: string;
  /** Capability (`TelephonyListener`) that is told what happens. */
  readonly listener: string;
  readonly account: TelephoneAccount;
  readonly peer: { readonly address: string; readonly port: number };
}

/**
 * Telephone calls of clients whose signalling is elsewhere. Clients and calls are named by ids and events go to a
 * capability, so that neither side holds code of the other across a swap.
 */
export interface Telephony {
  /** Takes a client, and registers its account where it wants that. @throws WcsError OPERATION_E_INPUT for an account that makes no sense */
  connect(client: TelephonyClient): void;
  /** The client is gone: its calls end. */
  disconnect(clientId: string): void;
  /** What comes of it is told by events. @throws WcsError OPERATION_E_CONFLICT, OPERATION_E_INPUT */
  call(clientId: string, wish: CallWish): void;
  /** Takes a call, with the answer to our offer. @throws WcsError SESSION_E_NOT_FOUND, as everything below */
  answer(clientId: string, callId: string, sdp: string): void;
  hangUp(clientId: string, callId: string): void;
  hold(clientId: string, callId: string, held: boolean): void;
  pressKeys(clientId: string, callId: string, keys: string, method: KeyMethod): void;
  /**
   * Sends the other side of a call to somebody else; with whom the client talks in another call already, if there is such a
   * one: that call goes over, too. A call that has been transferred ends.
   */
  transfer(clientId: string, callId: string, target: string): void;
  /** Sends a text; what comes of it is told by events. @throws WcsError OPERATION_E_INPUT, SESSION_E_NOT_FOUND */
  sendMessage(clientId: string, message: Omit<TextMessage, 'from'>): void;
}

/** Told what happens to the clients that it has brought. */
export interface TelephonyListener {
  onTelephonyEvent(clientId: string, event: TelephonyEvent): void;
}

