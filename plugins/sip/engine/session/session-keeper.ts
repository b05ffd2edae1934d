import type { SipHeaders, SipRequest, SipResponse } from '../wire/sip-message.ts';
import type { Dialog } from './dialog.ts';
import { MIN_SE_S, minSeOf, parseSessionExpires, sessionDeadlines } from './session-timer.ts';

/** Keeps calls alive by refreshing them, and ends those whose other side has gone. @see RFC 4028 */
export class SessionKeeper {
  readonly #intervalS: number;

  /** @param intervalS what we offer; 0 offers nothing, and still does as others ask */
  constructor(intervalS: number) {
    this.#intervalS = intervalS;
  }

  /** An interval that a request names is too short for us: the Min-SE of a 422. */
  tooShort(request: SipRequest): number | undefined {
    const asked = parseSessionExpires(request.headers);
    return asked !== undefined && asked.intervalS < MIN_SE_S && request.headers.tokens('Supported').includes('timer') ? MIN_SE_S : undefined;
  }

  /** Names the interval of a dialog in a re-INVITE or UPDATE of ours. */
  beforeRefresh({ facts }: Dialog, request: SipRequest): void {
    if (facts.session === undefined || request.headers.has('Session-Expires')) return;
    addToken(request.headers, 'Supported', 'timer');
    request.headers.add('Session-Expires', `${facts.session.intervalS};refresher=${facts.session.refresher === 'us' ? 'uac' : 'uas'}`);
  }

  /** Agrees on an interval in a 2xx of ours to an INVITE or UPDATE. @see RFC 4028 section 9 */
  answer(request: SipRequest, response: SipResponse): void {
    const asked = parseSessionExpires(request.headers);
    const peerCan = request.headers.tokens('Supported').includes('timer');
    if (response.headers.has('Session-Expires') || (asked === undefined && (this.#intervalS === 0 || !peerCan))) return;
    const intervalS = asked?.intervalS ?? Math.max(this.#intervalS, minSeOf(request.headers));
    const refresher = asked?.refresher ?? (peerCan ? 'uac' : 'uas');
    response.headers.add('Session-Expires', `${intervalS};refresher=${refresher}`);
    if (peerCan) addToken(response.headers, 'Require', 'timer');
  }

  /** Starts the clock anew by a 2xx, as the side that we are on in its transaction. */
  onAnswered(dialog: Dialog, response: SipResponse, side: 'uac' | 'uas'): void {
    const agreed = parseSessionExpires(response.headers);
    dialog.timers.disarm('refresh');
    dialog.timers.disarm('expire');
    dialog.facts.session = undefined;
    if (agreed === undefined) return;
    dialog.facts.session = { intervalS: agreed.intervalS, refresher: (agreed.refresher ?? 'uac') === side ? 'us' : 'them' };
    const { refreshMs, expireMs } = sessionDeadlines(dialog.facts.session);
    if (refreshMs !== undefined) dialog.timers.arm('refresh', refreshMs);
    dialog.timers.arm('expire', expireMs);
  }

  /** The request that refreshes a dialog: an UPDATE without a word about media where the other side takes it. */
  refreshRequest(dialog: Dialog): SipRequest {
    const { facts } = dialog;
    const update = facts.peerAllows.includes('UPDATE') || facts.localSdp.length === 0;
    const request = update ? dialog.request('UPDATE') : { ...dialog.request('INVITE'), body: facts.localSdp };
    request.headers.add('Contact', facts.contact);
    this.beforeRefresh(dialog, request);
    if (update) return request;
    request.headers.add('Content-Type', 'application/sdp');
    [facts.inviteSeq, facts.ack] = [facts.localSeq, undefined];
    return request;
  }
}

function addToken(headers: SipHeaders, name: string, token: string): void {
  const tokens = headers.tokens(name);
  if (!tokens.includes(token)) headers.set(name, [...tokens, token].join(', '));
}
