import type { Application, Exchanged, SendOutcome } from '../../../plugins/sip/engine/session/application.ts';
import type { Target } from '../../../plugins/sip/engine/session/target.ts';
import { TimerWheel } from '../../../plugins/sip/engine/session/timer-wheel.ts';
import { DEFAULT_TIMING } from '../../../plugins/sip/engine/session/timing.ts';
import { UserAgent } from '../../../plugins/sip/engine/session/user-agent.ts';
import { parseApplicationMessage } from '../../../plugins/sip/engine/wire/application-text.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import type { SipMessage, SipRequest, SipResponse } from '../../../plugins/sip/engine/wire/sip-message.ts';
import { FakeTime } from '../fake-time.ts';

export const PEER: Target = { transport: 'udp', address: '192.0.2.9', port: 5060 };
export const SDP = 'v=0\r\no=x 1 1 IN IP4 192.0.2.1\r\ns=-\r\n';

/** A user agent with a clock that stands still and a network that is a list. */
export class AgentBench implements Application {
  readonly time: FakeTime;
  readonly agent: UserAgent;
  readonly sent: { readonly target: Target; readonly message: SipMessage; readonly atMs: number }[] = [];
  readonly requests: Exchanged<SipRequest>[] = [];
  readonly responses: Exchanged<SipResponse>[] = [];
  readonly unsolicited: Exchanged<SipRequest>[] = [];
  readonly bad: Target[] = [];
  targets: readonly Target[] = [PEER];
  wanted = true;

  constructor({ sessionExpiresS = 0, time = new FakeTime(), prefix = 'token' } = {}) {
    this.time = time;
    let tokens = 0;
    const every = (periodMs: number, tick: () => void): (() => void) => {
      let cancel: () => void;
      const again = (): void => {
        cancel = time.after(periodMs, again);
        tick();
      };
      cancel = time.after(periodMs, again);
      return () => cancel();
    };
    this.agent = new UserAgent({
      options: { timing: DEFAULT_TIMING, sessionExpiresS, userAgent: 'test' },
      wheel: new TimerWheel(time.nowMs, every),
      network: {
        send: (target, bytes) => void this.sent.push({ target, message: parseSipMessage(bytes).message, atMs: time.nowMs() }),
        addressTowards: () => ({ host: '192.0.2.1', port: 5060 }),
        locate: (_uri, done) => done(this.targets),
        forSize: (targets) => targets,
        markBad: (target) => void this.bad.push(target),
      },
      application: this,
      newToken: () => `${prefix}${++tokens}`,
    });
  }

  onRequest(request: Exchanged<SipRequest>): boolean {
    this.requests.push(request);
    return this.wanted;
  }

  onResponse(response: Exchanged<SipResponse>): void {
    this.responses.push(response);
  }

  onUnsolicited(request: Exchanged<SipRequest>): void {
    this.unsolicited.push(request);
  }

  /** What the application sends; a body is taken for session description. */
  command(start: string, headers: Readonly<Record<string, string>> = {}, { transactionId = '', dialogId = '', body = '' } = {}): SendOutcome {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
    let outcome: SendOutcome = { ok: false, reason: 'not called' };
    this.agent.send({ transactionId, dialogId, route: '', message: parseApplicationMessage(`${start}\r\n${lines}\r\n${body}`) }, (given) => (outcome = given));
    return outcome;
  }

  /** What the network brings. */
  receive(text: string, source: Target = PEER): void {
    this.agent.receive(parseSipMessage(Buffer.from(text)), source);
  }

  /** Answers what was sent last with this method. */
  answer(method: string, status: number, { tag = 'peer', lines = [] as readonly string[], body = '' } = {}): void {
    const { headers } = this.last(method);
    const to = headers.get('To')!;
    this.receive(
      [
        `SIP/2.0 ${status} Reason`, `Via: ${headers.get('Via')}`, `From: ${headers.get('From')}`, `To: ${/;tag=/.test(to) ? to : `${to};tag=${tag}`}`, `Call-ID: ${headers.get('Call-ID')}`,
        `CSeq: ${headers.get('CSeq')}`, 'Contact: <sip:peer@192.0.2.9>', ...lines, `Content-Length: ${body.length}`, '', body,
      ].join('\r\n'),
    );
  }

  /** The request with this method that was sent last. */
  last(method: string): SipRequest {
    return this.all(method).at(-1)!;
  }

  all(method: string): SipRequest[] {
    return this.sent.flatMap(({ message }) => (message.type === 'request' && message.method === method ? [message] : []));
  }

  statuses(): number[] {
    return this.sent.flatMap(({ message }) => (message.type === 'response' ? [message.status] : []));
  }
}

/** A request of a peer. */
export function fromPeer(method: string, { branch = 'z9hG4bKpeer', seq = 1, toTag = '', callId = 'call', fromTag = 'caller', lines = [] as readonly string[], body = '' } = {}): string {
  return [
    `${method} sip:us@192.0.2.1 SIP/2.0`, `Via: SIP/2.0/UDP 192.0.2.9:5060;branch=${branch};rport=5060`, `From: <sip:peer@192.0.2.9>;tag=${fromTag}`, `To: <sip:us@192.0.2.1>${toTag === '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`, `CSeq: ${seq} ${method}`, 'Contact: <sip:peer@192.0.2.9>', 'Max-Forwards: 70', ...lines, `Content-Length: ${body.length}`, '', body,
  ].join('\r\n');
}
