import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mediaFolder } from '../support/media-folder.ts';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { freePorts } from '../support/test-kernel.ts';
import type { Bench, BenchRow } from './bench.ts';
import { withServer } from './server-folder.ts';
import { ServerProcess } from './server-process.ts';

const RAMP_MS = 4000;
const MEASURE_MS = 15_000;
const STREAM = 'bench';

/** What the load generator reports. */
interface Load {
  readonly totalBytes: number;
  readonly leastBytes: number;
  readonly longestSilenceMs: number;
  readonly lost: number;
}

interface Measured extends Load {
  readonly cpuMsPerMb: number;
  readonly cpuPercent: number;
  readonly kilobytesPerViewer: number;
}

/** Runs `viewers` players against a server to which a real file is published at its own pace. */
async function measure(server: ServerProcess, port: number, viewers: number): Promise<Measured> {
  const clip = join(mediaFolder, 'avc60.mp4');
  const publisher = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${port}/live/${STREAM}`], { stdio: 'ignore' });
  try {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const idleBytes = server.residentBytes();
    const script = join('test', 'bench', 'load', 'rtmp-viewers.mjs');
    const generator = spawn(process.execPath, [script, String(port), STREAM, String(viewers), String(RAMP_MS), String(MEASURE_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let cpuAtStartMs = 0;
    for await (const chunk of generator.stdout) {
      output += String(chunk);
      if (cpuAtStartMs === 0) cpuAtStartMs = server.cpuMs();
    }
    const cpuMs = server.cpuMs() - cpuAtStartMs;
    const load = JSON.parse(output.split('\n')[1] ?? '') as Load;
    const kilobytesPerViewer = (server.residentBytes() - idleBytes) / 1000 / viewers;
    return { ...load, cpuMsPerMb: cpuMs / (load.totalBytes / 1e6), cpuPercent: (100 * cpuMs) / MEASURE_MS, kilobytesPerViewer };
  } finally {
    publisher.kill('SIGKILL');
  }
}

async function ours(viewers: number): Promise<Measured> {
  const [port = 0] = await freePorts(1);
  return withServer({ rtmp: { port } }, port, (server) => measure(server, port, viewers));
}

async function nodeMediaServer(viewers: number): Promise<Measured> {
  const [port = 0, httpPort = 0] = await freePorts(2);
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ bind: '127.0.0.1', notify: { url: '' }, store: { path: join(folder, 'data') }, auth: { play: false, publish: false, jwt: { secret: 'x', users: [] } }, rtmp: { port }, http: { port: httpPort }, record: { path: '' } }));
  const program = join(process.cwd(), 'node_modules', 'node-media-server', 'bin', 'app.js');
  const server = await ServerProcess.start(process.execPath, [program, '-c', join(folder, 'config.json'), '--no-admin'], port, folder);
  try {
    return await measure(server, port, viewers);
  } finally {
    await server.stop();
    removeFolder(folder);
  }
}

function rowsOf(who: string, viewers: number, measured: Measured, baseline?: Measured): BenchRow[] {
  const ratio = baseline === undefined ? {} : { ratio: measured.cpuMsPerMb / baseline.cpuMsPerMb };
  return [
    { what: `${who}: server CPU per MB delivered`, value: measured.cpuMsPerMb, unit: 'ms', ...ratio },
    { what: `${who}: server CPU`, value: measured.cpuPercent, unit: '% of a core' },
    { what: `${who}: longest silence of any viewer`, value: measured.longestSilenceMs, unit: 'ms' },
    { what: `${who}: viewers lost`, value: measured.lost, unit: '' },
    { what: `${who}: least that a viewer got, of the mean`, value: measured.leastBytes / (measured.totalBytes / viewers), unit: '' },
    { what: `${who}: memory per viewer`, value: measured.kilobytesPerViewer, unit: 'KB' },
  ];
}

/** RTMP fan-out of one real stream over loopback against node-media-server in the same run. */
const bench: Bench = {
  name: 'rtmp-fanout',
  async run() {
    const baseline = await nodeMediaServer(500);
    const at500 = await ours(500);
    const at1000 = await ours(1000);
    const rows = [...rowsOf('node-media-server, 500 viewers', 500, baseline), ...rowsOf('WCS Core, 500 viewers', 500, at500, baseline), ...rowsOf('WCS Core, 1000 viewers', 1000, at1000, baseline)];
    return { title: 'RTMP fan-out of a 2 Mb/s stream, CPU of the server process', rows };
  },
};

export default bench;
