import { formatNameAddr, parseNameAddr } from '../wire/name-addr.ts';
import { EMPTY_BODY, parseCSeq, SipHeaders, type SipRequest, type SipResponse } from '../wire/sip-message.ts';
import { parseSipUri } from '../wire/sip-uri.ts';
import { NamedTimers, type TimersLeft } from './named-timers.ts';
import type { SessionTimer } from './session-timer.ts';
import type { Target } from './target.ts';
import type { TimerWheel } from './timer-wheel.ts';

export type DialogTimer = 'answerRepeat' | 'answerGiveUp' | 'refresh' | 'expire' | 'referral';

/** Bytes that go out again when the other side asks for them. */
export interface SentMessage {
  readonly bytes: Uint8Array;
  readonly target: Target;
}

/** A dialog as plain data. @see RFC 3261 section 12 */
export interface DialogFacts {
  /** What the application knows it by. */
  readonly id: string;
  readonly role: 'uac' | 'uas';
  /** INVITE or SUBSCRIBE. */
  readonly method: string;
  readonly callId: string;
  /** Header values with their tags. */
  readonly local: string;
  readonly remote: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** `ended`: the call is over, and what a REFER in it has begun is still to be told. @see RFC 5057 section 4.3, RFC 3515 section 2.4.7 */
  phase: 'early' | 'confirmed' | 'ended';
  /** REFERs that we have accepted, whose last NOTIFY has not gone out. */
  referrals: number;
  localSeq: number;
  /** Of the last request that came in. */
  remoteSeq: number | undefined;
  remoteTarget: string;
  readonly routes: readonly string[];
  /** Contact that we gave. */
  contact: string;
  /** Of an INVITE of ours that the application has still to acknowledge, or has. */
  inviteSeq: number;
  /** Credentials of that INVITE, which its ACK repeats. @see RFC 3261 section 22.1 */
  credentials: readonly (readonly [string, string])[];
  ack: SentMessage | undefined;
  /** Our 2xx that waits for its ACK. */
  answer: (SentMessage & { readonly seq: number; readonly repeatMs: number }) | undefined;
  /** What we said last of our media, to say it again in a refresh. */
  localSdp: Uint8Array;
  peerAllows: readonly string[];
  session: SessionTimer | undefined;
}

/** Facts and timers, for the next version of the plugin. */
export interface DialogState {
  readonly facts: DialogFacts;
  readonly timers: TimersLeft;
}

/** One dialog: knows how requests inside it look. */
export class Dialog {
  readonly facts: DialogFacts;
  readonly timers: NamedTimers<DialogTimer>;

  constructor(wheel: TimerWheel, facts: DialogFacts, onTimer: (dialog: Dialog, name: DialogTimer) => void) {
    this.facts = facts;
    this.timers = new NamedTimers<DialogTimer>(wheel, (name) => onTimer(this, name));
  }

  /** `Call-ID`, our tag and the other's: what requests name it by. */
  get key(): string {
    return dialogKey(this.facts.callId, this.facts.localTag, this.facts.remoteTag);
  }

  exportState(): DialogState {
    return { facts: { ...this.facts }, timers: this.timers.left() };
  }

  /** A request inside the dialog, without Via; raises the sequence number unless it is an ACK. @see RFC 3261 section 12.2.1.1 */
  request(method: string, seq = method === 'ACK' ? this.facts.inviteSeq : ++this.facts.localSeq): SipRequest {
    const { facts } = this;
    const headers = new SipHeaders();
    const strict = facts.routes.length > 0 && !isLoose(facts.routes[0] ?? '');
    const routes = strict ? [...facts.routes.slice(1), `<${facts.remoteTarget}>`] : facts.routes;
    for (const route of routes) headers.add('Route', route);
    headers.add('Max-Forwards', '70');
    headers.add('From', facts.local);
    headers.add('To', facts.remote);
    headers.add('Call-ID', facts.callId);
    headers.add('CSeq', `${seq} ${method}`);
    const uri = strict ? (parseNameAddr(facts.routes[0] ?? '')?.uri ?? facts.remoteTarget) : facts.remoteTarget;
    return { type: 'request', method, uri, headers, body: EMPTY_BODY };
  }

  /** A request or a 2xx that may change where the other side is. @see RFC 3261 section 12.2.2 */
  refreshTarget(message: SipRequest | SipResponse): void {
    const contact = contactUri(message.headers);
    if (contact !== undefined) this.facts.remoteTarget = contact;
    if (message.headers.has('Allow')) this.facts.peerAllows = message.headers.tokens('Allow').map((method) => method.toUpperCase());
  }
}

export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

/** The tag of a From or To value. */
export function tagOf(value: string | undefined): string {
  return parseNameAddr(value ?? '')?.params.get('tag') ?? '';
}

/** The URI of the first Contact. */
export function contactUri(headers: SipHeaders): string | undefined {
  const [first] = headers.list('Contact') ?? [];
  return first === undefined || first === '*' ? undefined : parseNameAddr(first)?.uri;
}

/** The facts of a dialog that a response to a request of ours makes. @see RFC 3261 section 12.1.2 */
export function dialogOfResponse(request: SipRequest, response: SipResponse, id: string): DialogFacts {
  const [local, remote] = [request.headers.get('From') ?? '', response.headers.get('To') ?? ''];
  const seq = parseCSeq(request.headers.get('CSeq'))?.number ?? 1;
  return {
    ...blankFacts(response), id, role: 'uac', method: request.method, local, remote, localTag: tagOf(local), remoteTag: tagOf(remote),
    phase: response.status < 200 ? 'early' : 'confirmed', localSeq: seq, remoteSeq: undefined, inviteSeq: seq,
    remoteTarget: contactUri(response.headers) ?? request.uri,
    routes: (response.headers.list('Record-Route') ?? []).reverse(),
    contact: request.headers.get('Contact') ?? '', credentials: credentialsOf(request), localSdp: request.body,
  };
}

/** The facts of a dialog that our response to a request makes. @see RFC 3261 section 12.1.1 */
export function dialogOfRequest(request: SipRequest, response: SipResponse, id: string): DialogFacts {
  const [local, remote] = [response.headers.get('To') ?? '', request.headers.get('From') ?? ''];
  return {
    ...blankFacts(request), id, role: 'uas', method: request.method, local, remote, localTag: tagOf(local), remoteTag: tagOf(remote),
    phase: response.status < 200 ? 'early' : 'confirmed', localSeq: 0, remoteSeq: parseCSeq(request.headers.get('CSeq'))?.number, inviteSeq: 0,
    remoteTarget: contactUri(request.headers) ?? '',
    routes: request.headers.list('Record-Route') ?? [],
    contact: response.headers.get('Contact') ?? '', credentials: [], localSdp: response.body,
  };
}

function blankFacts({ headers }: SipRequest | SipResponse): Pick<DialogFacts, 'callId' | 'ack' | 'answer' | 'peerAllows' | 'session' | 'referrals'> {
  return { callId: headers.get('Call-ID') ?? '', ack: undefined, answer: undefined, peerAllows: headers.tokens('Allow').map((method) => method.toUpperCase()), session: undefined, referrals: 0 };
}

export function credentialsOf({ headers }: SipRequest): [string, string][] {
  return ['Authorization', 'Proxy-Authorization'].flatMap((name) => headers.all(name).map((value): [string, string] => [name, value]));
}

function isLoose(route: string): boolean {
  return parseSipUri(parseNameAddr(route)?.uri ?? '')?.params.has('lr') === true;
}

/** An address without its tag. */
export function withoutTag(value: string): string {
  const address = parseNameAddr(value);
  if (address === undefined) return value;
  return formatNameAddr({ ...address, params: new Map([...address.params].filter(([name]) => name !== 'tag')) });
}

/** An address with a tag, in place of the one that it may have. */
export function withTag(value: string, tag: string): string {
  const address = parseNameAddr(value);
  return address === undefined ? value : formatNameAddr({ ...address, params: new Map([...address.params, ['tag', tag]]) });
}
