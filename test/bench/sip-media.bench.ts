import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { Bench } from './bench.ts';
import { Inspector } from './inspector.ts';
import { LoadChild } from './load/load-child.ts';
import type { PhonesCommand, PhonesReport } from './load/sip-media/messages.ts';
import { withServer } from './server-folder.ts';
import { cpuSharesOf, type CpuShares } from './process-time.ts';
import type { ServerProcess } from './server-process.ts';

const CALLS = 200;
/** Calls that come and go before anything is measured: buffers have their size. */
const FIRST_MS = 500;
/** Until what is hot is compiled, which the collection of garbage before it has undone: before, a packet costs a quarter more. */
const WARM_UP_MS = 8000;
const MEASURE_MS = 20_000;
/** What a packet from one call to another may cost. */
const BUDGET_US = 40;
const PASSWORD = 'bench';

/** The server's operations over REST. */
class Rest {
  readonly #base: string;

  constructor(port: number) {
    this.#base = `http://127.0.0.1:${port}`;
  }

  async call(operation: string, input: unknown): Promise<unknown> {
    const authorization = `Basic ${Buffer.from(`admin:${PASSWORD}`).toString('base64')}`;
    const response = await fetch(`${this.#base}/rest-api/${operation}`, { method: 'POST', headers: { authorization }, body: JSON.stringify(input) });
    const text = await response.text();
    if (response.status === 404) return [];
    if (!response.ok) throw new Error(`${operation}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  async metric(name: string): Promise<number> {
    const text = await (await fetch(`${this.#base}/?action=stat`)).text();
    return Number(new RegExp(`^${name}=([\\d.]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  }
}

/** What a server holds when nobody telephones. */
async function held(server: ServerProcess, rest: Rest, inspector: Inspector) {
  const [ports, transactions, dialogs] = await Promise.all(['ports_media_busy', 'sip_transactions', 'sip_dialogs'].map((name) => rest.metric(name)));
  return { ...(await inspector.livingMemory()), handles: server.openHandles(), ports: ports! + transactions! + dialogs! };
}

/** Calls that hear each other, two and two. */
async function connect(rest: Rest, sipPort: number): Promise<readonly string[]> {
  const ids = Array.from({ length: CALLS }, (_unused, index) => `call${index}`);
  for (const callId of ids) await rest.call('call/startup', { callId, callee: 'phone', toStream: `of-${callId}`, sipLogin: 'us', sipDomain: '127.0.0.1', sipPort });
  await until(async () => ((await rest.call('call/find', { status: 'ESTABLISHED' })) as unknown[]).length === CALLS, 'all answers', 20_000);
  for (const [index, callId] of ids.entries()) await rest.call('call/inject_stream/startup', { callId, streamName: `of-${ids[index ^ 1]}` });
  return ids;
}

interface Run extends PhonesReport {
  readonly cpu: CpuShares;
  /** Of the phones, which send as many packets and count as many: what the same machine can do at the same time. */
  readonly phonesCpu: CpuShares;
}

/** All calls of one round, from the first INVITE to the last transaction. */
async function relay(server: ServerProcess, rest: Rest, phones: LoadChild, sipPort: number, { warmUpMs, measureMs }: { readonly warmUpMs: number; readonly measureMs: number }): Promise<Run> {
  const ids = await connect(rest, sipPort);
  await phones.ask({ type: 'talk', on: true } satisfies PhonesCommand);
  await sleep(warmUpMs);
  const measured = phones.ask<PhonesReport>({ type: 'measure', durationMs: measureMs } satisfies PhonesCommand);
  const [report, cpu, phonesCpu] = await Promise.all([measured, server.cpuShares(measureMs), cpuSharesOf([phones.pid], measureMs)]);
  await phones.ask({ type: 'talk', on: false } satisfies PhonesCommand);
  for (const callId of ids) await rest.call('call/terminate', { callId });
  await until(async () => (await rest.metric('sip_calls')) === 0 && (await rest.metric('sip_transactions')) === 0, 'the end of all calls', 20_000);
  return { ...report, cpu, phonesCpu };
}

/** G.711 from one RTP pair to another through the media bus. */
const bench: Bench = {
  name: 'sip-media',
  async run() {
    process.env['WCS_ADMIN_PASSWORD'] = PASSWORD;
    const [port = 0, http = 0, httpTls = 0, inspect = 0] = await freePorts(4);
    const phones = await LoadChild.start(join('sip-media', 'phones.ts'));
    try {
      const sipPort = await phones.ask<number>({ type: 'listen' } satisfies PhonesCommand);
      // Short timers, so that what is left of calls is gone soon.
      const plugins = { http: { port: http, tlsPort: httpTls }, sip: { engine: { port, timing: { t1Ms: 50, t2Ms: 200, t4Ms: 200 } }, media: { codecs: ['pcmu'] } } };
      return await withServer(plugins, http, async (server) => {
        const rest = new Rest(http);
        const inspector = await Inspector.connect(inspect);
        await until(async () => (await rest.metric('sip_calls')) === 0, 'the plugin', 20_000);
        await relay(server, rest, phones, sipPort, { warmUpMs: 0, measureMs: FIRST_MS });
        const before = await held(server, rest, inspector);
        const run = await relay(server, rest, phones, sipPort, { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS });
        const after = await held(server, rest, inspector);
        inspector.close();
        const costUs = (share: number): number => (share * 1e6 * run.seconds) / run.received;
        const [medianUs, phonesUs] = [costUs(run.cpu.median), costUs(run.phonesCpu.median)];
        return {
          title: `${run.phones} calls, each hears another: G.711 at ${Math.round(run.received / run.seconds)} packets/s in and as many out`,
          rows: [
            { what: `CPU of the whole server per packet, from RTP pair to RTP pair (limit ${BUDGET_US})`, value: medianUs, unit: `us, ${costUs(run.cpu.least).toFixed(1)} to ${costUs(run.cpu.most).toFixed(1)}`, ratio: medianUs / phonesUs },
            { what: 'baseline: CPU of the phones per packet, which send and count', value: phonesUs, unit: 'us' },
            { what: 'server CPU', value: run.cpu.median * 100, unit: '% of a core' },
            { what: 'packets lost', value: run.lost, unit: `of ${run.sent}` },
            { what: 'least that a phone has heard, of the mean', value: run.leastReceived / (run.received / run.phones), unit: '' },
            { what: 'ports, transactions and dialogs afterwards', value: after.ports, unit: `before: ${before.ports}` },
            { what: 'open handles afterwards', value: after.handles, unit: '', ratio: after.handles / before.handles },
            { what: 'heap afterwards', value: after.heapBytes / 1e6, unit: 'MB', ratio: after.heapBytes / before.heapBytes },
            { what: 'memory outside the heap afterwards', value: after.externalBytes / 1e6, unit: 'MB', ratio: after.externalBytes / before.externalBytes },
          ],
        };
      }, { network: { rtpEngine: 'ffi' }, nodeOptions: [`--inspect=127.0.0.1:${inspect}`] });
    } finally {
      phones.stop();
    }
  },
};

export default bench;
