import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaFolder } from '../support/media-folder.ts';
import { freePorts } from '../support/test-kernel.ts';
import type { Bench } from './bench.ts';
import { LoadChild } from './load/load-child.ts';
import type { EngineCommand, EngineReport, ViewersCommand, ViewersReport } from './load/rtsp-udp/messages.ts';
import { withServer } from './server-folder.ts';

const VIEWERS = 500;
const PACE_MS = 10;
/** Until there is a stream, and until code is compiled and buffers have their size. */
const PUBLISH_MS = 3000;
const IDLE_MS = 3000;
const WARM_UP_MS = 5000;
const MEASURE_MS = 8000;
/** Of sending to it. */
const TAIL_MS = 500;
const STREAM = 'bench';

interface Measured extends ViewersReport {
  readonly ports: EngineCommand['ports'];
  /** Of the whole server process. */
  readonly cpuMs: number;
  /** Share of a core that it takes for the stream alone. */
  readonly idleCpu: number;
}

/** A real file, published by RTMP at its own pace, to viewers by RTSP. */
async function throughServer(viewers: LoadChild): Promise<Measured> {
  const [rtmpPort = 0, port = 0] = await freePorts(2);
  return withServer({ rtmp: { port: rtmpPort }, rtsp: { port } }, port, async (server) => {
    const clip = join(mediaFolder, 'avc60.mp4');
    const publisher = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${rtmpPort}/live/${STREAM}`], { stdio: 'ignore' });
    try {
      await sleep(PUBLISH_MS);
      const idleBefore = server.cpuMs();
      await sleep(IDLE_MS);
      const idleCpu = (server.cpuMs() - idleBefore) / IDLE_MS;
      const ports = await viewers.ask<EngineCommand['ports']>({ type: 'play', port, stream: STREAM, viewers: VIEWERS, paceMs: PACE_MS } satisfies ViewersCommand);
      await sleep(WARM_UP_MS);
      const before = server.cpuMs();
      const report = await viewers.ask<ViewersReport>({ type: 'measure', durationMs: MEASURE_MS } satisfies ViewersCommand);
      return { ...report, ports, idleCpu, cpuMs: server.cpuMs() - before };
    } finally {
      publisher.kill('SIGKILL');
    }
  }, { network: { rtpEngine: 'ffi' } });
}

/** The same packets at the same times to the same ports, without a server. */
async function byEngine(viewers: LoadChild, { ports, bursts }: Measured): Promise<{ readonly sent: EngineReport; readonly received: ViewersReport }> {
  const engine = await LoadChild.start(join('rtsp-udp', 'engine.ts'));
  try {
    const measuring = viewers.ask<ViewersReport>({ type: 'measure', durationMs: WARM_UP_MS + MEASURE_MS + TAIL_MS } satisfies ViewersCommand);
    const sent = await engine.ask<EngineReport>({ ports, bursts, warmUpMs: WARM_UP_MS } satisfies EngineCommand);
    return { sent, received: await measuring };
  } finally {
    engine.stop();
  }
}

/** RTSP over UDP against the fan-out engine alone, both without encryption. */
const bench: Bench = {
  name: 'rtsp-udp',
  async run() {
    const viewers = await LoadChild.start(join('rtsp-udp', 'viewers.ts'));
    try {
      const served = await throughServer(viewers);
      const { sent, received } = await byEngine(viewers, served);
      const engineUs = (sent.cpuMs * 1000) / sent.packets;
      const serverUs = (served.cpuMs * 1000) / served.packets;
      return {
        title: `${VIEWERS} RTSP players over UDP of a stream of ${((served.bytes * 8) / served.seconds / VIEWERS / 1e6).toFixed(1)} Mb/s, ${Math.round(served.packets / served.seconds)} packets/s`,
        rows: [
          { what: 'fan-out engine alone, without encryption: CPU per packet', value: engineUs, unit: 'us', ratio: 1 },
          { what: 'fan-out engine alone: packets lost', value: received.lost, unit: `of ${received.packets}` },
          { what: 'RTSP over UDP: CPU of the whole server per packet', value: serverUs, unit: 'us', ratio: serverUs / engineUs },
          { what: 'the stream without players: server CPU', value: served.idleCpu * 100, unit: '% of a core' },
          { what: 'RTSP over UDP: server CPU', value: served.cpuMs / served.seconds / 10, unit: '% of a core' },
          { what: 'RTSP over UDP: packets lost', value: served.lost, unit: `of ${served.packets}` },
          { what: 'RTSP over UDP: least that a player got, of the mean', value: served.leastPackets / (served.packets / VIEWERS), unit: '' },
          { what: 'RTSP over UDP: players lost', value: served.closed, unit: `of ${VIEWERS}` },
        ],
      };
    } finally {
      viewers.stop();
    }
  },
};

export default bench;
