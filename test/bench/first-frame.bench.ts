import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mediaFolder } from '../support/media-folder.ts';
import { PYTHON } from '../support/python.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { TestRtspClient } from '../support/rtsp-client.ts';
import { checkout, freePorts } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { Bench, BenchRow } from './bench.ts';
import { percentile } from './process-time.ts';
import { withServer } from './server-folder.ts';

const TRIES = 10;
/** Of the clip that the camera shows. */
const KEY_FRAME_INTERVAL_MS = 1000;
/** What may be added to it. */
const ALLOWED_MS = 500;
/** How long a pull goes on without a reader. */
const IDLE_MS = 300;
/** Between two tries: the pull of the one before is over, and the share of a second makes the next begin somewhere else between two key frames. */
const PAUSE_MS = 700;
const PHASE_STEP_MS = 618;
const PICTURE_TIMEOUT_MS = 20_000;
const UDP_PORTS = 40;
const RTMP_VIDEO = 9;
/** Of an RTMP video message: the frame type of a key frame, and what follows AVC's packet type of a picture. @see Adobe FLV 10.1 section E.4.3 */
const KEY_FRAME = 1;
const AVC_PICTURE = 1;

interface Camera {
  readonly url: string;
  stop(): void;
}

/** GStreamer's RTSP server with one picture for all, and somebody who looks at it all the time, so that it is running when we come. */
async function startCamera(): Promise<Camera> {
  const [port = 0, udp = 0] = await freePorts(2);
  const firstUdp = udp - (udp % 2);
  const args = ['--media', mediaFolder, '--port', String(port), '--udp-ports', `${firstUdp}-${firstUdp + UDP_PORTS - 1}`, '--clip', 'avc.mp4'];
  const camera = spawn(PYTHON, [join(checkout, 'test', 'support', 'peers', 'rtsp-camera.py'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const url = `rtsp://cam:secret-cam@127.0.0.1:${port}/cam`;
  const said = { text: '' };
  camera.stdout.on('data', (chunk) => (said.text += String(chunk)));
  await until(() => said.text.includes('rtsp://'), 'the camera', PICTURE_TIMEOUT_MS);
  const onlooker: ChildProcess = spawn('ffmpeg', ['-nostdin', '-v', 'quiet', '-rtsp_transport', 'tcp', '-i', url, '-c', 'copy', '-f', 'null', '-'], { stdio: 'ignore' });
  return {
    url,
    stop: () => {
      onlooker.kill('SIGKILL');
      // Killed, it would leave its ffmpeg behind.
      camera.kill('SIGTERM');
    },
  };
}

/** Asks for a stream by RTMP; over when the last byte of a key frame is there. */
async function byRtmp(port: number, name: string): Promise<void> {
  const client = new RtmpClient(port);
  try {
    await client.play(name);
    const isKeyFrame = ({ type, payload }: RtmpClient['messages'][number]): boolean => type === RTMP_VIDEO && (payload[0] ?? 0) >> 4 === KEY_FRAME && payload[1] === AVC_PICTURE;
    await until(() => client.messages.some(isKeyFrame), `a picture by RTMP, told ${client.codes.join(', ')}`, PICTURE_TIMEOUT_MS);
  } finally {
    client.close();
  }
}

/** Asks for a stream by RTSP over TCP; over when the last packet of a picture is there, of which the first is a key frame. */
async function byRtsp(port: number, name: string): Promise<void> {
  const client = new TestRtspClient(port, name);
  try {
    await client.play('tcp');
    await until(() => client.packets.some(({ channel, rtp }) => channel === 0 && rtp.marker), 'a picture by RTSP', PICTURE_TIMEOUT_MS);
  } finally {
    client.close();
  }
}

/** Times of several tries, of which the first is not counted: the code is compiled with it. */
async function tries(play: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index <= TRIES; index++) {
    await sleep(PAUSE_MS + ((index * PHASE_STEP_MS) % KEY_FRAME_INTERVAL_MS));
    const startMs = performance.now();
    await play();
    times.push(performance.now() - startMs);
  }
  return times.slice(1);
}

function rowsOf(who: string, times: readonly number[]): BenchRow[] {
  const allowedMs = KEY_FRAME_INTERVAL_MS + ALLOWED_MS;
  return [0.5, 0.95].map((share) => {
    const value = percentile(times, share);
    return { what: `${who}: asking to first picture, p${share * 100}`, value, unit: 'ms', ratio: value / allowedMs };
  });
}

/** From asking for `rtsp://…` by a player to the whole first picture; the camera is called for each try anew. */
const bench: Bench = {
  name: 'first-frame',
  async run() {
    const [rtmpPort = 0, port = 0] = await freePorts(2);
    const camera = await startCamera();
    try {
      return await withServer({ rtmp: { port: rtmpPort }, rtsp: { port, client: { idleMs: IDLE_MS } } }, rtmpPort, async () => {
        const rtmp = await tries(() => byRtmp(rtmpPort, camera.url));
        const rtsp = await tries(() => byRtsp(port, camera.url));
        return {
          title: `A camera with a key frame each ${KEY_FRAME_INTERVAL_MS} ms, ${TRIES} tries; ratios against that interval and ${ALLOWED_MS} ms`,
          rows: [...rowsOf('RTMP player', rtmp), ...rowsOf('RTSP player', rtsp)],
        };
      });
    } finally {
      camera.stop();
    }
  },
};

export default bench;
