import { until } from '../support/until.ts';
import type { Bench } from './bench.ts';
import { publishOne, settle, STREAM, withWebRtc, type WebRtcRun } from './webrtc-run.ts';

const PEERS = 300;
const ROUNDS = 10;
/** Timers of sessions that ended have run out by then. */
const CALM_MS = 12_000;

/** What a server holds when nobody is there. */
interface Held {
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly resources: number;
  readonly handles: number;
  readonly viewers: number;
  readonly busyPorts: number;
}

async function held({ inspect, server, metric }: WebRtcRun): Promise<Held> {
  const inspector = await inspect();
  return { ...(await inspector.livingMemory()), resources: await inspector.activeResources(), handles: server.openHandles(), viewers: await metric('streams_viewers'), busyPorts: await metric('ports_media_busy') };
}

/** Crowds of peers that come at once and leave at once: half of them by DTLS alone, half of them by HTTP. */
const bench: Bench = {
  name: 'webrtc-churn',
  async run() {
    return withWebRtc('ffi', async (run) => {
      await publishOne(run);
      const failures: string[] = [];
      let [joined, slowestP95Ms] = [0, 0];
      const round = async (index: number): Promise<void> => {
        const join = await run.load.run({ type: 'join', url: run.whep(STREAM), viewers: PEERS, paceMs: 0, sampled: 0, pictureTimeoutMs: 10_000 });
        joined += join.withPicture;
        if (join.withPicture > 0) slowestP95Ms = Math.max(slowestP95Ms, join.firstPictureMs.p95);
        failures.push(...join.failures);
        await run.load.run({ type: 'leave', by: index % 2 === 0 ? 'alert' : 'delete' });
        await until(async () => (await run.metric('streams_viewers')) === 0, 'the crowd to be gone', 20_000);
      };
      // The first round loads and compiles; the state after it is what the others must come back to.
      await round(1);
      await settle(CALM_MS);
      const before = await held(run);
      joined = 0;
      for (let index = 0; index < ROUNDS; index++) await round(index);
      await settle(CALM_MS);
      const after = await held(run);
      const rows = [
        { what: 'peers with a picture', value: joined, unit: `of ${ROUNDS * PEERS} ${failures.slice(0, 2).join('; ')}` },
        { what: `${PEERS} at once: to the first picture, slowest p95`, value: slowestP95Ms, unit: 'ms' },
        { what: 'heap afterwards', value: after.heapBytes / 1e6, unit: 'MB', ratio: after.heapBytes / before.heapBytes },
        { what: 'memory outside the heap afterwards', value: after.externalBytes / 1e6, unit: 'MB', ratio: after.externalBytes / before.externalBytes },
        { what: 'active resources afterwards', value: after.resources, unit: '', ratio: after.resources / before.resources },
        { what: 'open handles afterwards', value: after.handles, unit: '', ratio: after.handles / before.handles },
        { what: 'viewers and busy media ports afterwards', value: after.viewers + after.busyPorts, unit: `before: ${before.viewers + before.busyPorts}` },
      ];
      return { title: `${ROUNDS} times ${PEERS} peers that come and go at once`, rows };
    });
  },
};

export default bench;
