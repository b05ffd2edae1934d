import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import { peerTest } from '../../support/peers.ts';
import { startCallServer, type CallServer } from '../../support/sip/call-server.ts';
import { startSipp } from '../../support/sipp.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { loseShare, UdpRelay } from '../../support/udp-relay.ts';
import { until } from '../../support/until.ts';

const LOSS = 0.1;
/** Short timers: what is lost is repeated, and what is forgotten is so, within seconds. */
const TIMING = { t1Ms: 100, t2Ms: 800, t4Ms: 800 };
/** How long a SIPp answers what is repeated after the end of a call, milliseconds. */
const LINGER_MS = 3000;

/** Who ends the calls of a SIPp, and how many there are. */
const PARTS = [
  { scenario: 'uas-answer', calls: 80 },
  { scenario: 'uas-bye', calls: 80 },
  { scenario: 'uas-cancel', calls: 40 },
] as const;
const CALLS = PARTS.reduce((sum, { calls }) => sum + calls, 0);

/** A SIPp behind a link that loses datagrams both ways: it is reached through the relay only, by what comes later in a call as well. */
async function startBehindLoss(t: ExecutionContext, { scenario, calls }: (typeof PARTS)[number], seed: number): Promise<UdpRelay> {
  const relay = await UdpRelay.open(t);
  const edit = (text: string): string =>
    text
      // It takes an INVITE that comes again for another one, unless its answer was the first thing that it said.
      .replace(/<send><!\[CDATA\[\nSIP\/2\.0 180[^]*?<\/send>\n\s*<pause milliseconds="200"\/>\n/, '')
      .replaceAll('Contact: <sip:peer@[local_ip]:[local_port]', `Contact: <sip:peer@[local_ip]:${relay.port}`)
      .replace('</scenario>', `  <timewait milliseconds="${LINGER_MS}"/>\n</scenario>`);
  const { port } = await startSipp(t, { scenario, calls, holdMs: 400, edit });
  relay.forwardTo(port);
  relay.toServer = loseShare(LOSS, seed);
  relay.toClient = loseShare(LOSS, seed + 1);
  return relay;
}

/** What must be as it was: by name, so that a leak says what it is. */
async function held({ kernel }: CallServer): Promise<Readonly<Record<string, number>>> {
  const { metrics, ports, rtpPairs, sessions, media } = kernel.kernel.parts;
  const text = await metrics.prometheus();
  const gauges = ['sip_calls', 'sip_dialogs', 'sip_transactions'].map((name): readonly [string, number] => [name, Number(new RegExp(`^wcs_${name} (\\d+)`, 'm').exec(text)?.[1] ?? NaN)]);
  const resources = process.getActiveResourcesInfo();
  return {
    ...Object.fromEntries(gauges),
    ports: ports.counts('media').busy,
    pairs: rtpPairs.size,
    sessions: sessions.list({ protocol: 'sip' }).length,
    streams: media.streams().length,
    sockets: resources.filter((name) => name === 'UDPWrap').length,
    connections: resources.filter((name) => name.startsWith('TCPSocket')).length,
  };
}

/** Calls that have ended, by cause. */
async function endedBy(server: CallServer): Promise<Readonly<Record<string, number>>> {
  const text = await server.kernel.kernel.parts.metrics.prometheus();
  return Object.fromEntries([...text.matchAll(/^wcs_sip_calls_ended\{cause="(\w+)"\} (\d+)/gm)].map(([, cause = '', calls]) => [cause, Number(calls)]));
}

/** Local UDP ports of this process. @see proc(5), /proc/net/udp */
function boundUdpPorts(): number[] {
  const inodes = new Set(readdirSync('/proc/self/fd').flatMap((fd) => /^socket:\[(\d+)\]$/.exec(linkOf(fd))?.[1] ?? []));
  const rows = readFileSync('/proc/self/net/udp', 'utf8').trim().split('\n').slice(1).map((row) => row.trim().split(/\s+/));
  return rows.filter((row) => inodes.has(row[9] ?? '')).map((row) => parseInt(row[1]?.split(':')[1] ?? '', 16));
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // That of the folder itself is closed by now.
    return '';
  }
}

peerTest(`${CALLS} calls over a link that loses a tenth each way: every one is answered and ends, and nothing is left of them`, ['sipp'], async (t) => {
  t.timeout(180_000);
  const [port = 0] = await freePorts(1);
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] }, rtpTimeoutMs: 6000, engine: { port, timing: TIMING } });
  const relays = await Promise.all(PARTS.map((part, index) => startBehindLoss(t, part, 10 * index)));
  const before = await held(server);
  t.true((before['sockets'] ?? 0) > relays.length, 'sockets are counted at all');
  const ids = PARTS.flatMap(({ scenario, calls }, index) => Array.from({ length: calls }, (_unused, at) => ({ callId: `${scenario}-${at}`, scenario, port: relays[index]!.port })));
  await Promise.all(ids.map(({ callId, port }) => server.call('call.startup', { callId, callee: 'peer', toStream: `of-${callId}`, sipLogin: 'us', sipDomain: '127.0.0.1', sipPort: port })));
  // Each is ended as soon as it is far enough for that.
  const waiting = new Set(ids.filter(({ scenario }) => scenario !== 'uas-bye').map(({ callId }) => callId));
  let most = 0;
  await until(async () => {
    const rows = await server.call<{ callId: string; status: string }[]>('call.find_all').catch(() => []);
    most = Math.max(most, server.kernel.kernel.parts.rtpPairs.size);
    for (const { callId, status } of rows) {
      const isReady = status === (callId.startsWith('uas-cancel') ? 'RING' : 'ESTABLISHED');
      if (isReady && waiting.delete(callId)) await server.call('call.terminate', { callId });
    }
    return rows.length === 0;
  }, 'all calls to be over', 60_000);
  t.true(most > CALLS / 2, `${most} pairs of ports at one time`);
  const causes = await endedBy(server);
  t.is(Object.values(causes).reduce((sum, calls) => sum + calls, 0), CALLS);
  // A phone that falls silent, because it gave up or its BYE never came, ends the call, too.
  t.true((causes['normal'] ?? 0) >= CALLS * 0.9, JSON.stringify(causes));
  for (const { counters } of relays) t.true(counters.toServer.dropped > 0 && counters.toClient.dropped > 0, JSON.stringify(counters));
  t.log(JSON.stringify(causes), `lost: ${relays.reduce((sum, { counters }) => sum + counters.toServer.dropped + counters.toClient.dropped, 0)} datagrams`);
  // What the start of a server needed for a moment may be gone by now.
  const beyond = async (): Promise<string[]> => {
    const ofRelays = relays.reduce((sum, { senders }) => sum + senders, 0);
    return Object.entries(await held(server)).flatMap(([name, count]) => (count - (name === 'sockets' ? ofRelays : 0) <= (before[name] ?? 0) ? [] : `${name}: ${count}`));
  };
  await until(async () => (await beyond()).length === 0, 'nothing to be left', 60_000).catch(() => undefined);
  const open = process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP'));
  t.deepEqual(await beyond(), [], `before: ${before['sockets']}; now: ${open.join(', ')}; local UDP ports: ${boundUdpPorts().join(', ')}; relays: ${relays.map(({ port }) => port).join(', ')}`);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
