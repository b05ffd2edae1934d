import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { NEED_MORE } from '../../core/formats/need-more.ts';
import { encodeRtp } from '../../core/rtp/packet.ts';
import { RtspReader } from '../../plugins/rtsp/wire/message-reader.ts';
import { encodeInterleaved, encodeResponse } from '../../plugins/rtsp/wire/message-writer.ts';
import { headerOf, type RtspHeaders, type RtspRequest } from '../../plugins/rtsp/wire/message.ts';
import { encodeTransport, parseTransport, type NumberPair } from '../../plugins/rtsp/wire/transport.ts';

/** G.711: a packet is a sample of sound, so that a test can write a number into it. */
const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=fake\r\nt=0 0\r\na=control:*\r\nm=audio 0 RTP/AVP 0\r\na=control:track1\r\n';
const SAMPLES = 160;

/** A connection that a fake server has accepted. */
export interface FakeClient {
  readonly socket: Socket;
  readonly requests: RtspRequest[];
  interleaved: NumberPair | undefined;
  clientPorts: NumberPair | undefined;
  playing: boolean;
  /** Number of the next packet. */
  next: number;
}

/** What a server answers; undefined: what is right. Answering itself, it returns `'answered'`. */
export type FakeAnswer = (request: RtspRequest, client: FakeClient) => { status: number; headers?: RtspHeaders; body?: string } | 'answered' | undefined;

/** An RTSP server for tests: serves numbered sound to everybody, and misbehaves where it is told to. */
export class FakeRtspServer {
  readonly clients: FakeClient[] = [];
  readonly #server: Server;
  readonly #answer: FakeAnswer;
  readonly #udp: UdpSocket;
  readonly #timer: NodeJS.Timeout;
  /** False keeps back the packets. */
  sends = true;
  /** False loses what goes over UDP, as a firewall does. */
  sendsDatagrams = true;

  private constructor(answer: FakeAnswer, udp: UdpSocket, periodMs: number) {
    this.#answer = answer;
    this.#udp = udp;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#timer = setInterval(() => this.#send(), periodMs);
  }

  static async start(answer: FakeAnswer = () => undefined, periodMs = 20): Promise<FakeRtspServer> {
    const udp = createSocket('udp4');
    await new Promise<void>((resolve) => void udp.bind(0, '127.0.0.1', resolve));
    const server = new FakeRtspServer(answer, udp, periodMs);
    await new Promise<void>((resolve) => void server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  url(path = '/one', userInfo = ''): string {
    return `rtsp://${userInfo}127.0.0.1:${this.port}${path}`;
  }

  /** Methods asked for so far, over all connections. */
  get methods(): string[] {
    return this.clients.flatMap(({ requests }) => requests.map(({ method }) => method));
  }

  /** Breaks every connection off. */
  hangUp(): void {
    for (const { socket } of this.clients) socket.destroy();
  }

  close(): void {
    clearInterval(this.#timer);
    this.hangUp();
    this.#server.close();
    this.#udp.close();
  }

  /** The next packet of a client, as it goes over the wire. */
  frameFor(client: FakeClient): Uint8Array {
    const payload = new Uint8Array(SAMPLES);
    const number = client.next++;
    new DataView(payload.buffer).setUint32(0, number);
    const rtp = encodeRtp({ payloadType: 0, ssrc: 7, sequenceNumber: number & 0xffff, timestamp: (number * SAMPLES) >>> 0, payload });
    return client.interleaved === undefined ? rtp : encodeInterleaved(client.interleaved[0], rtp);
  }

  #send(): void {
    if (!this.sends) return;
    for (const client of this.clients) {
      if (!client.playing || client.socket.destroyed) continue;
      const frame = this.frameFor(client);
      if (client.clientPorts === undefined) client.socket.write(frame);
      else if (this.sendsDatagrams) this.#udp.send(frame, client.clientPorts[0], '127.0.0.1');
    }
  }

  #accept(socket: Socket): void {
    const client: FakeClient = { socket, requests: [], interleaved: undefined, clientPorts: undefined, playing: false, next: 0 };
    const reader = new RtspReader();
    this.clients.push(client);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      reader.feed(chunk);
      for (let message = reader.next(); message !== NEED_MORE; message = reader.next()) if (message.type === 'request') this.#onRequest(message, client);
    });
  }

  #onRequest(request: RtspRequest, client: FakeClient): void {
    client.requests.push(request);
    const answer = this.#answer(request, client);
    if (answer === 'answered') return;
    const cseq: RtspHeaders = [['CSeq', headerOf(request, 'CSeq') ?? '']];
    const { status, headers = [], body = '' } = answer ?? this.#rightAnswer(request, client);
    client.socket.write(encodeResponse({ status, headers: [...cseq, ...headers], body: Buffer.from(body) }));
    if (status === 200 && request.method === 'PLAY') client.playing = true;
  }

  #rightAnswer(request: RtspRequest, client: FakeClient): { status: number; headers?: RtspHeaders; body?: string } {
    if (request.method === 'OPTIONS') return { status: 200, headers: [['Public', 'OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER']] };
    if (request.method === 'DESCRIBE') return { status: 200, headers: [['Content-Type', 'application/sdp']], body: SDP };
    if (request.method !== 'SETUP') return { status: 200, headers: [['Session', '1']] };
    const [wanted] = parseTransport(headerOf(request, 'Transport') ?? '');
    if (wanted === undefined) return { status: 461 };
    client.interleaved = wanted.interleaved;
    client.clientPorts = wanted.clientPort;
    return { status: 200, headers: [['Session', '1;timeout=60'], ['Transport', encodeTransport(wanted)]] };
  }
}

/** The number in a packet of the server's sound. */
export function numberOf(rtp: Uint8Array): number {
  return new DataView(rtp.buffer, rtp.byteOffset + 12).getUint32(0);
}
