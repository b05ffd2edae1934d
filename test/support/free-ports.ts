import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, Server } from 'node:net';

/** Ports below those that the system gives to whoever asks for any, so that no client's socket takes one between here and its use. */
const PORTS_FROM = 10_000;
const BLOCKS = 190;
/** A process takes ports of its own blocks only, and holds the first port of each as long as it runs: test files run side by side. */
const BLOCK_PORTS = 100;
/** Programs take the next numbers too: for TLS, or for the second half of a pair. */
const PORT_STEP = 4;

/** What is left of the block in use. */
let block = { next: 0, end: 0 };
/** End of the last call: they come one after the other. */
let last: Promise<unknown> = Promise.resolve();

/** Ports on loopback that nobody uses now, over TCP or UDP; no two calls get the same, nor neighbours, whatever process they come from. */
export function freePorts(count: number): Promise<number[]> {
  const ports = last.then(() => takePorts(count));
  last = ports.catch(() => undefined);
  return ports;
}

/** Neighbouring ports that nobody else takes as long as this process runs: the first and the last of them. */
export async function freePortRange(): Promise<{ readonly from: number; readonly to: number }> {
  const { next, end } = await takeBlock();
  return { from: next, to: end - 1 };
}

async function takePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    if (block.next >= block.end) block = await takeBlock();
    const port = block.next;
    block.next += PORT_STEP;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function takeBlock(): Promise<typeof block> {
  for (let tried = 0; tried < BLOCKS; tried++) {
    const from = PORTS_FROM + ((process.pid + tried) % BLOCKS) * BLOCK_PORTS;
    const holder = createSocket('udp4');
    if (await binds(holder, from)) {
      holder.unref();
      return { next: from + PORT_STEP, end: from + BLOCK_PORTS };
    }
    holder.close();
  }
  throw new Error(`No ports are free from ${PORTS_FROM} on.`);
}

async function isFree(port: number): Promise<boolean> {
  for (const socket of [createServer(), createSocket('udp4')]) {
    if (!(await binds(socket, port))) return false;
    const closed = once(socket, 'close');
    socket.close();
    await closed;
  }
  return true;
}

async function binds(socket: Server | Socket, port: number): Promise<boolean> {
  const listening = once(socket, 'listening');
  if (socket instanceof Server) socket.listen(port, '127.0.0.1');
  else socket.bind(port, '127.0.0.1');
  return listening.then(() => true, () => false);
}
