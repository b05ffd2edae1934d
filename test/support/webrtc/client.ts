import { createSocket } from 'node:dgram';
import type { ExecutionContext } from 'ava';
import type { RTCCertificate } from 'werift';
import { FrameAssembly } from './frame-assembly.ts';
import { parseAnswer, PayloadType, writeOffer, type RemoteDescription } from './session-description.ts';
import { headerBytes, isRtcp } from './srtp.ts';
import { ClientTransport, fingerprintOf, makeCertificate, type MediaKeys } from './transport.ts';
import { postOffer, type HttpSession } from './whip-client.ts';

/** Takes an offer to the server. */
export type Signalling = (offer: string) => Promise<HttpSession>;

/** How a client plays, or publishes. */
export interface ClientOptions {
  /** WHIP or WHEP, or signalling of another kind. */
  readonly url: string | Signalling;
  readonly rewriteAnswer?: (answer: string) => string;
  /** SRTP profiles in the client's order. */
  readonly profiles?: readonly number[];
  readonly direction?: 'recvonly' | 'sendonly';
  /** One that several clients share. */
  readonly certificate?: RTCCertificate;
  /** Id of the header extension for the orientation of video, where it is offered. */
  readonly orientationId?: number;
  /** Takes each packet that the keys open, with its extended sequence number. */
  readonly onRtp?: (packet: Buffer, sequence: number) => void;
  readonly onRtcp?: (compound: Buffer) => void;
}

/** A client's socket towards the server's candidate. */
interface ClientWire {
  send(datagram: Uint8Array): void;
  leave(): void;
}

/** Of a client that publishes. */
export const CLIENT_SSRC = { video: 0x7e57_0001, audio: 0x7e57_0002 } as const;

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
  readonly #options: ClientOptions;
  readonly #wire: ClientWire;

  private constructor(transport: ClientTransport, session: HttpSession, remote: RemoteDescription, options: ClientOptions, wire: ClientWire) {
    this.transport = transport;
    this.session = session;
    this.remote = remote;
    this.#options = options;
    this.#wire = wire;
  }

  /** Offers and connects; the client leaves when the test ends. */
  static async connect(t: ExecutionContext, options: ClientOptions): Promise<TestClient> {
    const { url, profiles, direction = 'recvonly', rewriteAnswer = same, orientationId } = options;
    const signalling: Signalling = typeof url === 'string' ? (offer) => postOffer(url, offer) : url;
    const certificate = options.certificate ?? (await makeCertificate());
    const socket = createSocket('udp4');
    let candidate = { address: '127.0.0.1', port: 0 };
    const send = (datagram: Uint8Array): void => socket.send(datagram, candidate.port, candidate.address);
    const found: { client?: TestClient } = {};
    const transport = new ClientTransport({
      certificate,
      ...(profiles && { profiles }),
      send,
      onMedia: (datagram) => found.client?.onMedia(datagram),
    });
    let isOpen = true;
    const leave = (): void => {
      transport.close();
      // The alert is on its way when the socket goes.
      if (isOpen) setImmediate(() => socket.close());
      isOpen = false;
    };
    t.teardown(leave);
    const ssrc = direction === 'sendonly' ? { ssrc: CLIENT_SSRC } : {};
    const extension = orientationId === undefined ? {} : { orientationId };
    const session = await signalling(writeOffer({ direction, ufrag: transport.ufrag, pwd: transport.pwd, fingerprint: fingerprintOf(certificate), ...ssrc, ...extension }));
    const remote = parseAnswer(rewriteAnswer(session.answer));
    const over = remote.candidates.find(({ transport: name, address }) => name === 'udp' && address.includes('.'));
    if (over === undefined) throw new Error(`No UDP candidate:\n${session.answer}`);
    candidate = over;
    const client = new TestClient(transport, session, remote, options, { send, leave });
    found.client = client;
    socket.on('message', (datagram) => transport.onDatagram(datagram));
    client.keys = await transport.start(remote);
    for (const datagram of client.#early.splice(0)) client.onMedia(datagram);
    return client;
  }

  /** Protects a packet and sends it. @param sequence extended sequence number */
  sendRtp(packet: Buffer, sequence: number): void {
    if (this.keys !== undefined) this.#wire.send(this.keys.local.protectRtp(packet, sequence));
  }

  sendRtcp(compound: Buffer): void {
    if (this.keys !== undefined) this.#wire.send(this.keys.local.protectRtcp(compound));
  }

  /** Says good-bye and lets go of the socket; may be called again. */
  leave(): void {
    this.#wire.leave();
  }

  /** Takes protected RTP or RTCP. */
  onMedia(datagram: Buffer): void {
    if (this.keys === undefined) {
      this.#early.push(datagram);
      return;
    }
    try {
      if (isRtcp(datagram)) {
        const compound = this.keys.remote.unprotectRtcp(datagram);
        this.rtcpPackets++;
        this.#options.onRtcp?.(compound);
      } else {
        const sequence = this.#extended(datagram);
        this.#onRtp(this.keys.remote.unprotectRtp(datagram, sequence), sequence);
      }
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

  #onRtp(packet: Buffer, sequence: number): void {
    this.#options.onRtp?.(packet, sequence);
    const type = packet.readUInt8(1) & 0x7f;
    if (type === PayloadType.AUDIO) this.audioPackets++;
    else this.video.onPacket(packet.readUInt16BE(2), packet.readUInt32BE(4), (packet.readUInt8(1) & 0x80) !== 0, packet.subarray(headerBytes(packet)));
  }
}

function same(answer: string): string {
  return answer;
}
