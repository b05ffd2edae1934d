import type { Bench, BenchRow } from './bench.ts';
import type { JoinReport, MeasureReport } from './load/webrtc-load/messages.ts';
import type { CpuShares } from './process-time.ts';
import { udpEchoShare } from './udp-echo.ts';
import { publishOne, settle, STREAM, withWebRtc, type WebRtcRun } from './webrtc-run.ts';

const MEASURE_MS = 10_000;
const PACE_MS = 25;
const SAMPLED = 5;
const VIEWERS = 150;
const CROWD = 500;
const IDLE_PEERS = 160;
const PUBLISHERS = 4;
/** The engine has compiled by then what is hot: before, a packet costs a quarter more, and the compiler works beside it. */
const COMPILED_MS = 15_000;
/** What comes a few dozen times a second takes longer to be compiled, and the engine tidies up some 40 s after a crowd. */
const STEADY_MS = 90_000;
/** Long enough for ticks of 10 ms to tell what an idle server costs. */
const CALM_MS = 5000;
const PICTURE_TIMEOUT_MS = 5000;

/** Fan-out of one stream to many viewers. */
interface Fanout {
  readonly join: JoinReport;
  readonly measured: MeasureReport;
  /** Of the whole server process. */
  readonly cpu: CpuShares;
  readonly usPerPacket: number;
}

async function fanout(run: WebRtcRun, viewers: number): Promise<Fanout> {
  await publishOne(run);
  await settle(2000);
  const join = await run.load.run({ type: 'join', url: run.whep(STREAM), viewers, paceMs: PACE_MS, sampled: SAMPLED, pictureTimeoutMs: PICTURE_TIMEOUT_MS });
  await settle(COMPILED_MS);
  const [measured, cpu] = await Promise.all([run.load.run({ type: 'measure', durationMs: MEASURE_MS }), run.server.cpuShares(MEASURE_MS)]);
  return { join, measured, cpu, usPerPacket: (cpu.median * 1e6 * measured.seconds) / measured.packets };
}

function fanoutRows(who: string, viewers: number, { join, measured, cpu, usPerPacket }: Fanout, baseline?: Fanout): BenchRow[] {
  return [
    { what: `${who}: server CPU per packet`, value: usPerPacket, unit: 'us', ...(baseline && { ratio: usPerPacket / baseline.usPerPacket }) },
    { what: `${who}: server CPU`, value: cpu.median * 100, unit: `% of a core, ${(cpu.least * 100).toFixed(1)} to ${(cpu.most * 100).toFixed(1)}` },
    { what: `${who}: viewers with a picture`, value: join.withPicture, unit: `of ${viewers} ${join.failures.join('; ')}` },
    { what: `${who}: join to first picture, p95`, value: join.firstPictureMs.p95, unit: 'ms' },
    { what: `${who}: delay added by the server, p50`, value: measured.delayMs.p50, unit: 'ms' },
    { what: `${who}: delay added by the server, p95`, value: measured.delayMs.p95, unit: 'ms' },
    { what: `${who}: packets lost or with a wrong tag`, value: measured.lost + measured.forged, unit: `of ${measured.packets}` },
    { what: `${who}: least that a viewer got, of the mean`, value: measured.leastPackets / (measured.packets / measured.viewers), unit: '' },
    { what: `${who}: longest silence of any viewer`, value: measured.longestSilenceMs.max, unit: 'ms' },
  ];
}

/** Peers that get no media: they come in one after another and stay. */
const QUIET = { type: 'join', paceMs: PACE_MS, sampled: 0, pictureTimeoutMs: 0 } as const;

/** A publisher that sends nothing, after a few viewers came and went: code that is loaded once is nobody's cost. */
async function calmDown(run: WebRtcRun): Promise<void> {
  await publishOne(run);
  await settle(2000);
  await run.load.run({ ...QUIET, url: run.whep(STREAM), viewers: 10 });
  await run.load.run({ type: 'leave', by: 'delete' });
  await run.load.run({ type: 'pause', isPaused: true });
  await settle(2000);
}

/** Connectivity checks a second of so many peers, each with one in five seconds. @see RFC 7675 section 5.1 */
const IDLE_CHECKS_PER_S = IDLE_PEERS / 5;

/** What the server takes of a core within that time from now. */
async function shareOf({ server }: WebRtcRun, durationMs: number): Promise<number> {
  const beforeMs = server.cpuMs();
  await settle(durationMs);
  return (server.cpuMs() - beforeMs) / durationMs;
}

/** What peers cost the processor by themselves. Nothing looks into the server: a forced collection throws compiled code away, which peers would pay for. */
async function peers(run: WebRtcRun): Promise<BenchRow[]> {
  const { server, load } = run;
  await calmDown(run);
  const calm = await shareOf(run, CALM_MS);
  const startedAtMs = performance.now();
  const cpuAtStart = server.cpuMs();
  const { joined } = await load.run({ ...QUIET, url: run.whep(STREAM), viewers: IDLE_PEERS });
  const joinCpuMs = server.cpuMs() - cpuAtStart - calm * (performance.now() - startedAtMs);
  await settle(STEADY_MS);
  const whole = await shareOf(run, MEASURE_MS);
  await load.run({ type: 'leave', by: 'delete' });
  await settle(STEADY_MS);
  const share = whole - (await shareOf(run, MEASURE_MS));
  const echo = await udpEchoShare(IDLE_CHECKS_PER_S, { warmUpMs: STEADY_MS, measureMs: MEASURE_MS });
  return [
    { what: 'peer set-up: server CPU', value: joinCpuMs / joined, unit: 'ms' },
    { what: `${joined} peers without media: server CPU`, value: whole * 100, unit: '% of a core' },
    { what: `${joined} peers without media: of that, not the server's own`, value: share * 100, unit: '% of a core', ratio: share / echo },
    { what: 'baseline: a program that sends as many datagrams back', value: echo * 100, unit: '% of a core' },
  ];
}

/** What peers cost in memory. */
async function memory(run: WebRtcRun): Promise<BenchRow[]> {
  const inspector = await run.inspect();
  await calmDown(run);
  const [before, residentBefore] = [await inspector.livingMemory(), run.server.residentBytes()];
  const { joined } = await run.load.run({ ...QUIET, url: run.whep(STREAM), viewers: IDLE_PEERS });
  const [full, residentFull] = [await inspector.livingMemory(), run.server.residentBytes()];
  return [
    { what: 'peer: living memory, heap and buffers', value: (full.heapBytes + full.externalBytes - before.heapBytes - before.externalBytes) / joined / 1000, unit: 'KB' },
    { what: 'peer: resident memory', value: (residentFull - residentBefore) / joined / 1000, unit: 'KB' },
  ];
}

/** Publishers without viewers. */
async function ingest({ server, load, whip }: WebRtcRun): Promise<BenchRow[]> {
  const urls = Array.from({ length: PUBLISHERS }, (_, index) => whip(`${STREAM}${index}`));
  const { published, failures } = await load.run({ type: 'publish', urls });
  await settle(COMPILED_MS);
  const [measured, cpu] = await Promise.all([load.run({ type: 'measure', durationMs: MEASURE_MS }), server.cpuShares(MEASURE_MS)]);
  const perS = measured.published / measured.seconds;
  return [{ what: `ingest of ${published} streams, ${Math.round(perS)} packets/s: server CPU per packet`, value: (cpu.median * 1e6) / perS, unit: `us ${failures.join('; ')}` }];
}

/** WebRTC over full ICE and DTLS, load in a process of its own; ratios of the `ffi` engine against `pure`. */
const bench: Bench = {
  name: 'webrtc',
  async run() {
    const pure = await withWebRtc('pure', (run) => fanout(run, VIEWERS));
    const ffi = await withWebRtc('ffi', (run) => fanout(run, VIEWERS));
    const crowd = await withWebRtc('ffi', (run) => fanout(run, CROWD));
    const rows = [
      ...fanoutRows(`pure, ${VIEWERS} viewers`, VIEWERS, pure),
      ...fanoutRows(`ffi, ${VIEWERS} viewers`, VIEWERS, ffi, pure),
      ...fanoutRows(`ffi, ${CROWD} viewers`, CROWD, crowd, pure),
      ...(await withWebRtc('ffi', peers)),
      ...(await withWebRtc('ffi', memory)),
      ...(await withWebRtc('ffi', ingest)),
    ];
    return { title: `WebRTC of a 2 Mb/s stream (${ffi.join.profiles.join(', ')}), CPU of the server process`, rows };
  },
};

export default bench;
