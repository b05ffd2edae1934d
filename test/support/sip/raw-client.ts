import { connect, type Socket } from 'node:net';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import type { SipMessage, SipResponse } from '../../../plugins/sip/engine/wire/sip-message.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { until } from '../until.ts';

let calls = 0;

/** Text with CRLF line ends. */
export function sipText(lines: readonly string[], body = ''): string {
  return `${[...lines, `Content-Length: ${Buffer.byteLength(body)}`].join('\r\n')}\r\n\r\n${body}`;
}

/** A SIP client that sends what it is told, over UDP or TCP. */
export class RawSipClient {
  readonly received: SipMessage[] = [];
  closed = false;
  readonly #port: number;
  readonly #udp: UdpSocket | undefined;
  readonly #tcp: Socket | undefined;
  readonly #framer = new StreamFramer();

  constructor(port: number, transport: 'udp' | 'tcp') {
    this.#port = port;
    if (transport === 'udp') {
      this.#udp = createSocket('udp4');
      this.#udp.on('message', (data) => {
        // CRLF answers a keep-alive.
        if (data.length > 2) this.received.push(parseSipMessage(data).message);
      });
      return;
    }
    this.#tcp = connect(port, '127.0.0.1');
    this.#tcp.on('data', (data) => this.#framer.feed(data, (framed) => framed.type === 'message' && this.received.push(framed.parsed.message)));
    this.#tcp.on('error', () => undefined);
    this.#tcp.on('close', () => (this.closed = true));
  }

  send(data: string | Uint8Array): void {
    if (this.#tcp === undefined) this.#udp?.send(data, this.#port, '127.0.0.1');
    else this.#tcp.write(data);
  }

  /** Sends a request of a call, once, and answers with its final response. */
  async request(method: string, call: RawCall, body = '', timeoutMs?: number): Promise<SipResponse> {
    const seq = method === 'ACK' ? call.inviteSeq : ++call.seq;
    if (method === 'INVITE') call.inviteSeq = seq;
    const transport = this.#tcp === undefined ? 'UDP' : 'TCP';
    const type = body === '' ? [] : ['Content-Type: application/sdp'];
    this.send(
      sipText(
        [
          `${method} ${call.target} SIP/2.0`, `Via: SIP/2.0/${transport} 127.0.0.1:9;branch=z9hG4bK${call.id}${method}${seq};rport`, 'Max-Forwards: 70',
          `From: <sip:raw@127.0.0.1>;tag=${call.id}`, `To: <sip:echo@127.0.0.1>${call.toTag}`, `Call-ID: ${call.id}`, `CSeq: ${seq} ${method}`, 'Contact: <sip:raw@127.0.0.1:9>', ...type,
        ],
        body,
      ),
    );
    if (method === 'ACK') return { type: 'response', status: 0, reason: '', headers: this.received[0]!.headers, body: new Uint8Array(0) };
    const isAnswer = (message: SipMessage): message is SipResponse =>
      message.type === 'response' && message.status >= 200 && message.headers.get('Call-ID') === call.id && message.headers.get('CSeq') === `${seq} ${method}`;
    const answer = await until(() => this.closed || this.received.find(isAnswer), `the answer to ${method}`, timeoutMs);
    if (answer === true) throw new Error('The connection was closed');
    if (method === 'INVITE' && answer.status === 200) call.toTag = `;tag=${/;tag=([^;>]+)/.exec(answer.headers.get('To') ?? '')?.[1] ?? ''}`;
    return answer;
  }

  close(): void {
    this.#udp?.close();
    this.#tcp?.destroy();
  }
}

/** A call of a raw client. */
export interface RawCall {
  readonly id: string;
  readonly target: string;
  toTag: string;
  seq: number;
  inviteSeq: number;
}

export function rawCall(target: string): RawCall {
  return { id: `raw${process.pid}x${calls++}`, target, toTag: '', seq: 0, inviteSeq: 0 };
}

export const RAW_SDP = 'v=0\r\no=raw 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 31996 RTP/AVP 0\r\na=sendrecv\r\n';
