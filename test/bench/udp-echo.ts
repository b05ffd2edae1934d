import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuMsOf } from './process-time.ts';

const ECHO = "const s = require('node:dgram').createSocket('udp4'); s.on('message', (d, f) => s.send(d, f.port, f.address)); s.bind(0, '127.0.0.1', () => console.log(s.address().port));";
/** As long as a connectivity check of a browser. */
const DATAGRAM_BYTES = 100;

/** What a program of node:dgram takes of a core that sends datagrams back and does nothing else: what waking up for them costs on this machine in this minute. */
export async function udpEchoShare(perSecond: number, { warmUpMs, measureMs }: { readonly warmUpMs: number; readonly measureMs: number }): Promise<number> {
  const child = spawn(process.execPath, ['--eval', ECHO], { stdio: ['ignore', 'pipe', 'inherit'] });
  const socket = createSocket('udp4');
  let sending: NodeJS.Timeout | undefined;
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    sending = setInterval(() => socket.send(Buffer.alloc(DATAGRAM_BYTES), port, '127.0.0.1'), 1000 / perSecond);
    await once(socket, 'message');
    await sleep(warmUpMs);
    const pids = [child.pid ?? 0];
    const beforeMs = cpuMsOf(pids);
    await sleep(measureMs);
    return (cpuMsOf(pids) - beforeMs) / measureMs;
  } finally {
    clearInterval(sending);
    socket.close();
    child.kill('SIGKILL');
  }
}
