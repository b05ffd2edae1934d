import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, freePorts } from '../support/test-kernel.ts';
import type { Bench } from './bench.ts';
import { withServer } from './server-folder.ts';
import type { ServerProcess } from './server-process.ts';

const CALLS_PER_SECOND = 100;
const SECONDS = 10;
const CALLS = CALLS_PER_SECOND * SECONDS;
const HOLD_MS = 500;

const peers = join(checkout, 'test', 'support', 'peers', 'sip', 'sipp');
const app = join(checkout, 'test', 'support', 'sip', 'sipapp');

interface Run {
  readonly failed: number;
  readonly cpuShare: number;
}

/** INVITE, 180, 200, ACK, BYE at a steady rate against whoever listens there. */
async function load(port: number, server: ServerProcess): Promise<Run> {
  const screen = join(checkout, '.build', 'sip-calls-screen');
  const [from = 0, media = 0] = await freePorts(2);
  const args = [`127.0.0.1:${port}`, '-s', 'echo', '-sf', join(peers, 'uac-direct.xml'), '-i', '127.0.0.1', '-p', String(from), '-mp', String(media), '-d', String(HOLD_MS)];
  const [startedAt, cpuBefore] = [performance.now(), server.cpuMs()];
  const child = spawn('sipp', [...args, '-r', String(CALLS_PER_SECOND), '-m', String(CALLS), '-l', '2000', '-nostdin', '-trace_screen', '-screen_file', screen], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve));
  const failed = Number(/Failed call\s*\|\s*\d+\s*\|\s*(\d+)/.exec(readFileSync(screen, 'utf8'))?.[1] ?? CALLS);
  return { failed, cpuShare: (server.cpuMs() - cpuBefore) / (performance.now() - startedAt) };
}

/** What the server may use of a core at this rate: the ratio is against it. */
const BUDGET = 0.35;

/** Calls a second through the engine and drachtio-srf. */
const bench: Bench = {
  name: 'sip-calls',
  async run() {
    const [port = 0] = await freePorts(1);
    const ours = await withServer({ sipapp: { port, path: app } }, port, (server) => load(port, server));
    return {
      title: `${CALLS_PER_SECOND} calls a second for ${SECONDS} s, each of INVITE, 180, 200, ACK and BYE, over UDP`,
      rows: [
        { what: 'calls that failed', value: ours.failed, unit: `of ${CALLS}` },
        { what: 'processor, of one core', value: ours.cpuShare * 100, unit: '%', ratio: ours.cpuShare / BUDGET },
      ],
    };
  },
};

export default bench;
