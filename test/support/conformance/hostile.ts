import { createSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** How long a hostile peer waits to be thrown out before it leaves by itself. */
const STAY_MS = 300;
const LARGE = 1024 * 1024;

/** Deterministic noise, so that a failure can be repeated. */
export function noise(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}

/** What no protocol expects, and what several nearly do. */
function hostileInputs(): Buffer[] {
  const httpHead = 'GET / HTTP/1.1\r\nHost: x\r\n';
  return [
    Buffer.alloc(0),
    Buffer.from([0]),
    Buffer.alloc(65_536),
    Buffer.alloc(65_536, 0xff),
    Buffer.alloc(LARGE, 0x41),
    Buffer.from(`${httpHead}X: ${'y'.repeat(100_000)}\r\n\r\n`),
    Buffer.from(`${httpHead}Content-Length: -1\r\n\r\n`),
    Buffer.from('POST /%00%ff/../../etc/passwd HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n'),
    Buffer.from('SSH-2.0-x\r\n' + '\0'.repeat(4096)),
    Buffer.concat([Buffer.from([3]), noise(1, 3072), noise(2, 20_000)]),
    ...Array.from({ length: 20 }, (_unused, seed) => noise(seed + 10, 1 + seed * 700)),
  ];
}

/** Sends every hostile input to a listener by its kernel key, e.g. `tcp:127.0.0.1:1935`; resolves when all peers have left. */
export async function attack(key: string): Promise<void> {
  const [protocol = '', port] = [key.split(':')[0], Number(key.split(':').at(-1))];
  const overTls = protocol === 'tls' || protocol === 'https';
  const peers = hostileInputs().flatMap((input) => {
    if (protocol === 'udp') return [sendDatagram(port, input.subarray(0, 60_000))];
    const plain = sendStream(connectTcp(port, '127.0.0.1'), input);
    return overTls ? [plain, sendStream(connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }), input)] : [plain];
  });
  await Promise.all(peers);
}

function sendStream(socket: Socket, input: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => socket.destroy(), STAY_MS);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
    socket.resume();
    socket.write(input);
  });
}

function sendDatagram(port: number, input: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.send(input, port, '127.0.0.1', () => socket.close(() => resolve()));
  });
}
