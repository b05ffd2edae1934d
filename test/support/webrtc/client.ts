import { createSocket } from 'node:dgram';
import type { ExecutionContext } from 'ava';
import { FrameAssembly } from './frame-assembly.ts';
import { parseAnswer, PayloadType, writeOffer, type RemoteDescription } from './session-description.ts';
import { headerBytes, isRtcp } from './srtp.ts';
import { ClientTransport, fingerprintOf, makeCertificate, type MediaKeys } from './transport.ts';
import { postOffer, type HttpSession } from './whip-client.ts';

/** How a client plays. */
export interface ClientOptions {
  readonly url: string;
  readonly rewriteAnswer?: (answer: string) => string;
  /** SRTP profiles in the client's order. */
  readonly profiles?: readonly number[];
  readonly direction?: 'recvonly' | 'sendonly';
}

/** A WebRTC client of our own over one UDP socket, for what a browser does not let a test do. */
export class TestClient {
  readonly video = new FrameAssembly();
  audioPackets = 0;
  rtcpPackets = 0;
  /** Packets that the keys did not open. */
  forged = 0;
  keys: MediaKeys | undefined;
  readonly transport: ClientTransport;
  readonly session: HttpSession;
  readonly remote: RemoteDescription;
  readonly #highest = new Map<number, number>();
  readonly #early: Buffer[] = [];

  private constructor(transport: ClientTransport, session: HttpSession, remote: RemoteDescription) {
    this.transport = transport;
    this.session = session;
    this.remote = remote;
  }

  /** Offers and connects; the client leaves when the test ends. */
  static async connect(t: ExecutionContext, options: ClientOptions): Promise<TestClient> {
    const { url, profiles, direction = 'recvonly', rewriteAnswer = same } = options;
    const socket = createSocket('udp4');
    const certificate = await makeCertificate();
    let candidate = { address: '127.0.0.1', port: 0 };
    const found: { client?: TestClient } = {};
    const transport = new ClientTransport({
      certificate,
      ...(profiles && { profiles }),
      send: (datagram) => socket.send(datagram, candidate.port, candidate.address),
      onMedia: (datagram) => found.client?.onMedia(datagram),
    });
    t.teardown(() => {
      transport.close();
      // The alert is on its way when the socket goes.
      setImmediate(() => socket.close());
    });
    const ssrc = direction === 'sendonly' ? { ssrc: { video: 0x7e57_0001, audio: 0x7e57_0002 } } : {};
    const session = await postOffer(url, writeOffer({ direction, ufrag: transport.ufrag, pwd: transport.pwd, fingerprint: fingerprintOf(certificate), ...ssrc }));
    const remote = parseAnswer(rewriteAnswer(session.answer));
    const over = remote.candidates.find(({ transport: name, address }) => name === 'udp' && address.includes('.'));
    if (over === undefined) throw new Error(`No UDP candidate:\n${session.answer}`);
    candidate = over;
    const client = new TestClient(transport, session, remote);
    found.client = client;
    socket.on('message', (datagram) => transport.onDatagram(datagram));
    client.keys = await transport.start(remote);
    for (const datagram of client.#early.splice(0)) client.onMedia(datagram);
    return client;
  }

  /** Takes protected RTP or RTCP. */
  onMedia(datagram: Buffer): void {
    if (this.keys === undefined) {
      this.#early.push(datagram);
      return;
    }
    try {
      if (isRtcp(datagram)) {
        this.keys.remote.unprotectRtcp(datagram);
        this.rtcpPackets++;
      } else this.#onRtp(this.keys.remote.unprotectRtp(datagram, this.#extended(datagram)));
    } catch {
      this.forged++;
    }
  }

  #extended(packet: Buffer): number {
    const [ssrc, sequence] = [packet.readUInt32BE(8), packet.readUInt16BE(2)];
    const highest = this.#highest.get(ssrc) ?? sequence;
    let extended = highest - (highest % 65_536) + sequence;
    if (extended - highest > 32_768) extended -= 65_536;
    else if (highest - extended > 32_768) extended += 65_536;
    this.#highest.set(ssrc, Math.max(highest, extended));
    return extended;
  }

  #onRtp(packet: Buffer): void {
    const type = packet.readUInt8(1) & 0x7f;
    if (type === PayloadType.AUDIO) this.audioPackets++;
    else this.video.onPacket(packet.readUInt16BE(2), packet.readUInt32BE(4), (packet.readUInt8(1) & 0x80) !== 0, packet.subarray(headerBytes(packet)));
  }
}

function same(answer: string): string {
  return answer;
}
