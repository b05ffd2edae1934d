import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { DatagramSocket, Destination, FanoutEngine } from '../../core/rtp/fanout/engine.ts';
import { until } from './until.ts';

/** Takes datagrams for a test to look at. */
export class RtpInbox {
  readonly received: Uint8Array[] = [];
  readonly port: number;
  readonly address: string;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.port = socket.address().port;
    this.address = socket.address().address;
    socket.on('message', (data) => this.received.push(new Uint8Array(data)));
  }

  static async open(address = '127.0.0.1'): Promise<RtpInbox> {
    const socket = createSocket({ type: address.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 4_000_000 });
    socket.bind(0, address);
    await once(socket, 'listening');
    return new RtpInbox(socket);
  }

  /** The datagrams so far, once there are `count`. */
  async take(count: number): Promise<Uint8Array[]> {
    await until(() => this.received.length >= count, `${count} datagrams`);
    return this.received.splice(0);
  }

  close(): void {
    this.#socket.close();
  }
}

/** A socket that an engine sends through: with a descriptor where the engine gives one. */
export async function openRtpSocket(engine: FanoutEngine, address = '127.0.0.1'): Promise<{ readonly socket: DatagramSocket; readonly close: () => void }> {
  const fd = engine.udp?.bind(address, 0);
  const isIpv6 = address.includes(':');
  // Numeric at once, as those of the kernel: a look-up would put a datagram behind what an engine sends natively.
  const made = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', lookup: (host, _options, done) => done(null, host, isIpv6 ? 6 : 4) });
  const listening = once(made, 'listening');
  made.bind(fd === undefined ? { address, port: 0 } : { fd });
  await listening;
  const mapped = (to: string): string => (isIpv6 && !to.includes(':') ? `::ffff:${to}` : to);
  return { socket: { fd, send: (data, port, to) => made.send(data, port, mapped(to)) }, close: () => void made.close() };
}

/** Where an inbox is, seen from a socket. */
export function destinationOf(inbox: RtpInbox, socket: DatagramSocket): Destination {
  return { type: 'udp', socket, address: inbox.address, port: inbox.port };
}
