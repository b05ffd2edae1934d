import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { createConnection, type Socket as TcpSocket } from 'node:net';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { SrtpSession } from 'werift';
import type { LocalTransport } from '../../../plugins/webrtc/server/peer-transport.ts';
import { datagramKind } from '../../../core/rtp/datagram-kind.ts';
import { frame4571, FrameReader4571 } from '../../../plugins/webrtc/wire/rfc4571.ts';
import { integrityKey, parseStun, STUN_ATTRIBUTE, type StunMessage } from '../../../plugins/webrtc/wire/stun.ts';
import { writeStun } from '../../../plugins/webrtc/wire/stun-write.ts';
import { until } from '../until.ts';
import { clientCertificate, TestDtlsClient, type ClientCertificate } from './dtls-client.ts';

/** How the peer reaches the server. */
export interface Wire {
  readonly port: number;
  onPacket: (packet: Buffer) => void;
  send(packet: Buffer): void;
}

/** A UDP socket of the peer, on loopback, closed when the test ends. */
export async function udpWire(t: ExecutionContext, serverPort: number, address = '127.0.0.1'): Promise<Wire> {
  const socket: Socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  const wire: Wire = {
    port: socket.address().port,
    onPacket: () => undefined,
    send: (packet) => socket.send(packet, serverPort, address),
  };
  t.teardown(() => socket.close());
  socket.on('message', (packet) => wire.onPacket(packet));
  return wire;
}

/** A TCP connection of the peer, on loopback, closed when the test ends. */
export async function tcpWire(t: ExecutionContext, serverPort: number): Promise<Wire & { readonly socket: TcpSocket }> {
  const socket = createConnection(serverPort, '127.0.0.1');
  await once(socket, 'connect');
  const reader = new FrameReader4571();
  const wire = {
    socket,
    port: socket.localPort ?? 0,
    onPacket: (_packet: Buffer): void => undefined,
    send: (packet: Buffer) => void socket.write(frame4571(packet)),
  };
  t.teardown(() => socket.destroy());
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) =>
    reader.push(chunk, (packet) => {
      wire.onPacket(packet);
      return true;
    }),
  );
  return wire;
}

/** What a connectivity check may have otherwise. */
export interface CheckOptions {
  readonly ufrag?: string;
  readonly pwd?: string;
  readonly nominate?: boolean;
  readonly wire?: Wire;
  readonly extra?: readonly { readonly type: number; readonly value: Uint8Array }[];
}

/** A full ICE agent's controlling side in little, with DTLS and SRTP of another implementation: as a browser towards our transport. */
export class IcePeer {
  static readonly remoteUfrag = 'peer';
  readonly certificate: ClientCertificate;
  readonly dtls: TestDtlsClient;
  readonly answers = new Map<string, StunMessage>();
  readonly media: Buffer[] = [];
  /** DTLS datagrams of the server. */
  readonly flights: Buffer[] = [];
  /** Decides which datagrams are lost on the way. */
  lose: (kind: string, direction: 'out' | 'in', packet: Buffer) => boolean = () => false;
  local: Pick<LocalTransport, 'ufrag' | 'pwd'> = { ufrag: '', pwd: '' };
  wire: Wire;

  private constructor(wire: Wire, certificate: ClientCertificate, profiles: (1 | 7)[]) {
    this.wire = wire;
    this.certificate = certificate;
    this.dtls = new TestDtlsClient(certificate, (datagram) => this.send(datagram), profiles);
    this.use(wire);
  }

  static async open(wire: Wire, profiles: (1 | 7)[] = [1, 7]): Promise<IcePeer> {
    return new IcePeer(wire, await clientCertificate(), profiles);
  }

  /** Sends by another wire from now on; the old one goes on to be read. */
  use(wire: Wire): void {
    this.wire = wire;
    wire.onPacket = (packet) => this.#onPacket(packet);
  }

  send(packet: Buffer, wire = this.wire): void {
    if (!this.lose(datagramKind(packet), 'out', packet)) wire.send(packet);
  }

  /** Sends one check and gives its transaction id. */
  check({ ufrag = this.local.ufrag, pwd = this.local.pwd, nominate = false, wire = this.wire, extra = [] }: CheckOptions = {}): string {
    const transactionId = randomBytes(12);
    const attributes = [
      { type: STUN_ATTRIBUTE.username, value: Buffer.from(`${ufrag}:${IcePeer.remoteUfrag}`) },
      { type: STUN_ATTRIBUTE.priority, value: Buffer.from([0x6e, 0x7f, 0x1e, 0xff]) },
      ...(extra.length > 0 ? extra : [{ type: STUN_ATTRIBUTE.iceControlling, value: randomBytes(8) }]),
      ...(nominate ? [{ type: STUN_ATTRIBUTE.useCandidate, value: new Uint8Array(0) }] : []),
    ];
    this.send(writeStun({ class: 'request', transactionId, attributes, key: integrityKey(pwd) }), wire);
    return transactionId.toString('hex');
  }

  /** Sends one check and waits for its answer. */
  async checked(options: CheckOptions = {}): Promise<StunMessage> {
    const id = this.check(options);
    return until(() => this.answers.get(id), 'answer to a check');
  }

  /** Checks, nominates and shakes hands. */
  async connect(local: Pick<LocalTransport, 'ufrag' | 'pwd'>): Promise<void> {
    this.local = local;
    await this.checked({ nominate: true });
    this.dtls.start();
    await this.dtls.connected;
  }

  /** SRTP of the other implementation, once connected. */
  srtp(profile: 1 | 7 = 7): SrtpSession {
    const keys = this.dtls.keys(profile);
    return new SrtpSession({ profile, keys: { localMasterKey: keys.localKey, localMasterSalt: keys.localSalt, remoteMasterKey: keys.remoteKey, remoteMasterSalt: keys.remoteSalt } });
  }

  #onPacket(packet: Buffer): void {
    const kind = datagramKind(packet);
    if (this.lose(kind, 'in', packet)) return;
    if (kind === 'stun') {
      const message = parseStun(packet);
      this.answers.set(message.transactionId.toString('hex'), message);
    } else if (kind === 'dtls') {
      this.flights.push(packet);
      this.dtls.receive(packet);
    } else this.media.push(packet);
  }
}

/** One RTP packet, plain. */
export function rtpPacket(sequence: number, ssrc: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = 96;
  header.writeUInt16BE(sequence, 2);
  header.writeUInt32BE(sequence * 3000, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, payload]);
}
