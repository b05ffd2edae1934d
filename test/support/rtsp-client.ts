import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { NEED_MORE } from '../../core/formats/need-more.ts';
import { parseRtp, type RtpPacket } from '../../core/rtp/packet.ts';
import { headerOf, type RtspHeaders, type RtspResponse } from '../../plugins/rtsp/wire/message.ts';
import { RtspReader } from '../../plugins/rtsp/wire/message-reader.ts';
import { encodeInterleaved, encodeRequest } from '../../plugins/rtsp/wire/message-writer.ts';
import { parseTransport } from '../../plugins/rtsp/wire/transport.ts';
import { until } from './until.ts';

/** A pair of UDP ports on loopback. */
async function openPorts(): Promise<{ readonly sockets: readonly [UdpSocket, UdpSocket]; readonly ports: readonly [number, number] }> {
  const sockets = [createSocket('udp4'), createSocket('udp4')] as const;
  for (const socket of sockets) await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { sockets: [...sockets], ports: [sockets[0].address().port, sockets[1].address().port] };
}

/** An RTSP client over one connection, which notes every packet that it gets. */
export class TestRtspClient {
  readonly socket: Socket;
  readonly base: string;
  /** RTP by channel, or by place of the UDP set-up times two. */
  readonly packets: { readonly channel: number; readonly rtp: RtpPacket }[] = [];
  /** RTCP likewise. */
  readonly reports: { readonly channel: number; readonly data: Uint8Array }[] = [];
  closed = false;
  #cseq = 0;
  #session: string | undefined;
  readonly #responses = new Map<string, RtspResponse>();
  readonly #packetsBefore = new WeakMap<RtspResponse, number>();
  readonly #udp: { readonly sockets: readonly [UdpSocket, UdpSocket]; readonly server: readonly [number, number] }[] = [];

  constructor(port: number, name: string) {
    this.base = `rtsp://127.0.0.1:${port}/${name}`;
    this.socket = connect(port, '127.0.0.1').setNoDelay(true);
    const reader = new RtspReader();
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    this.socket.on('data', (chunk) => {
      reader.feed(chunk);
      for (let message = reader.next(); message !== NEED_MORE; message = reader.next()) {
        if (message.type === 'response') {
          this.#responses.set(headerOf(message, 'CSeq') ?? '', message);
          this.#packetsBefore.set(message, this.packets.length);
        } else if (message.type === 'interleaved') this.#take(message.channel, message.data);
      }
    });
  }

  /** Sends a request and waits for its response. */
  async ask(method: string, uri = this.base, headers: RtspHeaders = [], body?: string): Promise<RtspResponse> {
    const cseq = String(++this.#cseq);
    const session: RtspHeaders = this.#session === undefined ? [] : [['Session', this.#session]];
    this.socket.write(encodeRequest({ method, uri, headers: [['CSeq', cseq], ...session, ...headers], ...(body === undefined ? {} : { body: Buffer.from(body) }) }));
    const response = await until(() => this.#responses.get(cseq) ?? (this.closed ? 'closed' : undefined), `the answer to ${method}`);
    if (response === 'closed') throw new Error(`The connection was closed instead of an answer to ${method}`);
    this.#session ??= headerOf(response, 'Session')?.split(';')[0];
    return response;
  }

  /** How many packets had come before a response. */
  packetsBefore(response: RtspResponse): number {
    return this.#packetsBefore.get(response) ?? 0;
  }

  /** Describes, sets up `tracks` and plays. */
  async play(transport: 'tcp' | 'udp', tracks = 2): Promise<void> {
    await this.#must('DESCRIBE');
    for (let track = 0; track < tracks; track++) await this.setup(`${this.base}/trackID=${track}`, transport, track);
    await this.#must('PLAY');
  }

  /** Announces and records. */
  async record(transport: 'tcp' | 'udp', sdp: string, controls: readonly string[]): Promise<void> {
    await this.#must('ANNOUNCE', this.base, [['Content-Type', 'application/sdp']], sdp);
    for (const [track, control] of controls.entries()) await this.setup(`${this.base}/${control}`, transport, track, 'record');
    await this.#must('RECORD');
  }

  async setup(uri: string, transport: 'tcp' | 'udp', track: number, mode = 'play'): Promise<void> {
    if (transport === 'tcp') {
      await this.#must('SETUP', uri, [['Transport', `RTP/AVP/TCP;unicast;interleaved=${2 * track}-${2 * track + 1};mode=${mode}`]]);
      return;
    }
    const { sockets, ports } = await openPorts();
    for (const [at, socket] of sockets.entries()) socket.on('message', (data) => this.#take(2 * track + at, data));
    const answer = await this.#must('SETUP', uri, [['Transport', `RTP/AVP;unicast;client_port=${ports.join('-')};mode=${mode}`]]);
    const server = parseTransport(headerOf(answer, 'Transport') ?? '')[0]?.serverPort;
    this.#udp[track] = { sockets, server: server ?? [0, 0] };
  }

  /** Sends RTP on a track that was set up. */
  send(track: number, rtp: Uint8Array): void {
    const udp = this.#udp[track];
    if (udp === undefined) this.socket.write(encodeInterleaved(2 * track, rtp));
    else udp.sockets[0].send(rtp, udp.server[0], '127.0.0.1');
  }

  /** Ports that the server takes packets of a track on. */
  serverPorts(track: number): readonly [number, number] | undefined {
    return this.#udp[track]?.server;
  }

  close(): void {
    this.socket.destroy();
    for (const { sockets } of this.#udp) for (const socket of sockets) socket.close();
    this.#udp.length = 0;
  }

  async #must(method: string, uri?: string, headers?: RtspHeaders, body?: string): Promise<RtspResponse> {
    const response = await this.ask(method, uri, headers, body);
    if (response.status !== 200) throw new Error(`${method} ${uri ?? this.base}: ${response.status} ${response.reason}`);
    return response;
  }

  #take(channel: number, data: Uint8Array): void {
    if (channel % 2 === 1) this.reports.push({ channel, data });
    else this.packets.push({ channel, rtp: parseRtp(data) });
  }
}
