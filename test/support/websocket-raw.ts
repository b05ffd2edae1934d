import { connect, type Socket } from 'node:net';
import { until } from './until.ts';

/** A WebSocket client that sends whatever bytes a test likes. */
export class RawWebSocket {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  closed = false;

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (chunk) => (this.received = Buffer.concat([this.received, chunk])));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
  }

  /** Sends the handshake and waits for its answer; what follows is in `frames`. */
  async open(path = '/'): Promise<void> {
    this.socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n`);
    await until(() => this.received.includes('\r\n\r\n'), 'the answer to the handshake');
  }

  /** What came after the handshake. */
  get frames(): Buffer {
    return this.received.subarray(this.received.indexOf('\r\n\r\n') + 4);
  }

  /** Status code of the close frame, once one has come alone. */
  get closeCode(): number | undefined {
    const at = this.frames.findIndex((byte) => byte === 0x88);
    return at < 0 || this.frames.length < at + 4 ? undefined : this.frames.readUInt16BE(at + 2);
  }
}

/** One masked client frame; the mask is zero, which leaves the payload readable. */
export function clientFrame(opcode: number, payload: Uint8Array, options: { readonly fin?: boolean; readonly rsv?: number } = {}): Buffer {
  const first = ((options.fin ?? true) ? 0x80 : 0) | (options.rsv ?? 0) | opcode;
  const head = payload.length < 126
    ? Buffer.from([first, 0x80 | payload.length])
    : payload.length < 65_536
      ? Buffer.from([first, 0x80 | 126, payload.length >> 8, payload.length & 0xff])
      : Buffer.from([first, 0x80 | 127, 0, 0, 0, 0, payload.length >>> 24, (payload.length >> 16) & 0xff, (payload.length >> 8) & 0xff, payload.length & 0xff]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}
