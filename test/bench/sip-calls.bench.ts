import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, freePorts } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { Bench } from './bench.ts';
import { Inspector } from './inspector.ts';
import { withServer } from './server-folder.ts';
import type { ServerProcess } from './server-process.ts';

const CALLS_PER_SECOND = 100;
const SECONDS = 30;
const CALLS = CALLS_PER_SECOND * SECONDS;
const HOLD_MS = 500;
/** Before anything is measured: code is compiled, and the heap has its size. */
const WARM_UP_CALLS = 200;
const ACCOUNTS = 2000;
/** Accounts that are brought at the same time. */
const LANES = 20;
/** What the server may use of a core at this rate: the ratio is against it. */
const BUDGET = 0.35;
/** Transactions last 64 times as long; shorter than on the Internet, so that their end can be awaited. */
const T1_MS = 50;

const peers = join(checkout, 'test', 'support', 'peers', 'sip', 'sipp');
const app = join(checkout, 'test', 'support', 'sip', 'sipapp');
const PASSWORD = 'bench-password';

/** A server under load. */
interface Run {
  readonly server: ServerProcess;
  readonly inspector: Inspector;
  readonly http: number;
  /** Of the application that answers calls. */
  readonly appPort: number;
}

/** What a server holds when nothing is going on. */
interface Held {
  readonly heapBytes: number;
  readonly handles: number;
  readonly transactions: number;
  readonly dialogs: number;
  readonly busyPorts: number;
}

async function call<T>({ http }: Run, operation: string, input: unknown = {}): Promise<T> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}` };
  const response = await fetch(`http://127.0.0.1:${http}/rest-api/${operation}`, { method: 'POST', headers, body: JSON.stringify(input) });
  if (!response.ok) throw new Error(`${operation}: ${await response.text()}`);
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function metric({ http }: Run, name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${http}/?action=stat`)).text();
  return Number(new RegExp(`^${name}=([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
}

/** How many of its calls SIPp has counted as failed; all of them when it did not say. */
async function sipp(args: readonly string[], calls: number): Promise<number> {
  const screen = join(checkout, '.build', 'sip-calls-screen');
  const child = spawn('sipp', [...args, '-i', '127.0.0.1', '-m', String(calls), '-l', '4000', '-nostdin', '-trace_screen', '-screen_file', screen], { stdio: 'ignore' });
  await new Promise((resolve) => child.once('close', resolve));
  return Number(/Failed call\s*\|\s*\d+\s*\|\s*(\d+)/.exec(readFileSync(screen, 'utf8'))?.[1] ?? calls);
}

/** INVITE, 180, 200, ACK, BYE at a steady rate against the application on the engine. */
async function load({ appPort }: Run, calls: number): Promise<number> {
  const [from = 0, media = 0] = await freePorts(2);
  return sipp([`127.0.0.1:${appPort}`, '-s', 'echo', '-sf', join(peers, 'uac-direct.xml'), '-p', String(from), '-mp', String(media), '-d', String(HOLD_MS), '-r', String(CALLS_PER_SECOND)], calls);
}

/** Registers all accounts at a SIPp, which waits until each has been refreshed. */
async function register(run: Run): Promise<{ failed: number; cpuMsEach: number }> {
  const [registrar = 0] = await freePorts(1);
  const finished = sipp(['-sf', join(peers, 'uas-registrar.xml'), '-p', String(registrar)], ACCOUNTS);
  const account = { sipDomain: '127.0.0.1', sipPort: registrar, sipRegisterRequired: true };
  const lane = async (first: number): Promise<void> => {
    for (let index = first; index < ACCOUNTS; index += LANES) await call(run, 'api/create-session', { ...account, sipLogin: `u${index}` });
  };
  await Promise.all(Array.from({ length: LANES }, (_unused, index) => lane(index)));
  const [cpuBefore, answersBefore] = [run.server.cpuMs(), await metric(run, 'sip_messages_received')];
  const failed = await finished;
  return { failed, cpuMsEach: (run.server.cpuMs() - cpuBefore) / ((await metric(run, 'sip_messages_received')) - answersBefore) };
}

async function held(run: Run): Promise<Held> {
  const state = (): Promise<{ transactions: number; dialogs: readonly string[] }> => call(run, 'sipapp/state');
  await until(async () => (await state()).transactions === 0, 'the transactions to end', 20_000);
  const { transactions, dialogs } = await state();
  const { heapBytes } = await run.inspector.livingMemory();
  return { heapBytes, handles: run.server.openHandles(), transactions, dialogs: dialogs.length, busyPorts: (await metric(run, 'ports_calls_busy')) + (await metric(run, 'ports_media_busy')) };
}

async function measure(run: Run): ReturnType<Bench['run']> {
  await load(run, WARM_UP_CALLS);
  const before = await held(run);
  const [startedAt, cpuBefore] = [performance.now(), run.server.cpuMs()];
  const failed = await load(run, CALLS);
  const cpuShare = (run.server.cpuMs() - cpuBefore) / (performance.now() - startedAt);
  const after = await held(run);
  const registered = await register(run);
  return {
    title: `${CALLS_PER_SECOND} calls a second for ${SECONDS} s, each of INVITE, 180, 200, ACK and BYE, over UDP; then ${ACCOUNTS} registrations`,
    rows: [
      { what: 'calls that failed', value: failed, unit: `of ${CALLS}` },
      { what: 'processor, of one core', value: cpuShare * 100, unit: '%', ratio: cpuShare / BUDGET },
      { what: 'transactions and dialogs afterwards', value: after.transactions + after.dialogs, unit: `before: ${before.transactions + before.dialogs}` },
      { what: 'busy ports of calls and media afterwards', value: after.busyPorts, unit: `before: ${before.busyPorts}` },
      { what: 'open handles afterwards', value: after.handles, unit: '', ratio: after.handles / before.handles },
      { what: 'heap afterwards', value: after.heapBytes / 1e6, unit: 'MB', ratio: after.heapBytes / before.heapBytes },
      { what: 'registrations that were not refreshed', value: registered.failed, unit: `of ${ACCOUNTS}` },
      { what: 'processor for each refresh', value: registered.cpuMsEach, unit: 'ms' },
    ],
  };
}

/** Calls a second through the engine and drachtio-srf, and accounts that are kept registered. */
const bench: Bench = {
  name: 'sip-calls',
  async run() {
    const [appPort = 0, sipPort = 0, http = 0, httpTls = 0, inspect = 0] = await freePorts(5);
    const timing = { t1Ms: T1_MS };
    // All accounts are at one address here.
    const engine = { port: sipPort, timing, messagesPerSecond: 10_000 };
    const plugins = { http: { port: http, tlsPort: httpTls }, sipapp: { port: appPort, timing, path: app }, sip: { engine, registration: { expiresS: 10 } } };
    process.env['WCS_ADMIN_PASSWORD'] = PASSWORD;
    const work = async (server: ServerProcess): ReturnType<Bench['run']> => {
      const inspector = await Inspector.connect(inspect);
      try {
        return await measure({ server, inspector, http, appPort });
      } finally {
        inspector.close();
      }
    };
    return withServer(plugins, http, work, { nodeOptions: [`--inspect=127.0.0.1:${inspect}`] });
  },
};

export default bench;
