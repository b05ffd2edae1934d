import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { mediaFolder } from '../support/media-folder.ts';
import { freePorts } from '../support/test-kernel.ts';
import type { Bench, BenchRow } from './bench.ts';
import { withServer } from './server-folder.ts';
import type { ServerProcess } from './server-process.ts';

const VIEWERS = 500;
const RAMP_MS = 4000;
const MEASURE_MS = 8000;
const STREAM = 'bench';

interface Measured {
  readonly cpuMsPerMb: number;
  readonly lost: number;
  readonly leastShare: number;
}

/** Runs players of one protocol against a server to which a real file is published by RTMP at its own pace. */
async function measure(server: ServerProcess, rtmpPort: number, script: string, port: number): Promise<Measured> {
  const clip = join(mediaFolder, 'avc60.mp4');
  const publisher = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${rtmpPort}/live/${STREAM}`], { stdio: 'ignore' });
  try {
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const generator = spawn(process.execPath, [join('test', 'bench', 'load', script), String(port), STREAM, String(VIEWERS), String(RAMP_MS), String(MEASURE_MS)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    let cpuAtStartMs = 0;
    for await (const chunk of generator.stdout) {
      output += String(chunk);
      if (cpuAtStartMs === 0) cpuAtStartMs = server.cpuMs();
    }
    const cpuMs = server.cpuMs() - cpuAtStartMs;
    const load = JSON.parse(output.split('\n')[1] ?? '') as { readonly totalBytes: number; readonly leastBytes: number; readonly lost: number };
    return { cpuMsPerMb: cpuMs / (load.totalBytes / 1e6), lost: load.lost, leastShare: load.leastBytes / (load.totalBytes / VIEWERS) };
  } finally {
    publisher.kill('SIGKILL');
  }
}

function rowsOf(who: string, { cpuMsPerMb, lost, leastShare }: Measured, baseline?: Measured): BenchRow[] {
  return [
    { what: `${who}: server CPU per MB delivered`, value: cpuMsPerMb, unit: 'ms', ...(baseline === undefined ? {} : { ratio: cpuMsPerMb / baseline.cpuMsPerMb }) },
    { what: `${who}: players lost`, value: lost, unit: '' },
    { what: `${who}: least that a player got, of the mean`, value: leastShare, unit: '' },
  ];
}

/** RTSP over TCP against RTMP, the same stream to as many players of the same server in the same run. */
const bench: Bench = {
  name: 'rtsp-fanout',
  async run() {
    const [rtmpPort = 0, rtspPort = 0] = await freePorts(2);
    const plugins = { rtmp: { port: rtmpPort }, rtsp: { port: rtspPort } };
    const rtmp = await withServer(plugins, rtmpPort, (server) => measure(server, rtmpPort, 'rtmp-viewers.mjs', rtmpPort));
    const rtsp = await withServer(plugins, rtmpPort, (server) => measure(server, rtmpPort, 'rtsp-viewers.mjs', rtspPort));
    return { title: `${VIEWERS} players of a 2 Mb/s stream, CPU of the server process`, rows: [...rowsOf('RTMP', rtmp), ...rowsOf('RTSP over TCP', rtsp, rtmp)] };
  },
};

export default bench;
