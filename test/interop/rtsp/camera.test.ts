import test, { type ExecutionContext } from 'ava';
import { Camera } from '../../support/camera.ts';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { avCheck, FIRST_REPORT_S } from '../../support/rtsp-peers.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const peerTest = peerTestsSideBySide(4);
let server: TestKernel;
let rtmpPort: number;
let rtspPort: number;
let pulls = 0;

test.before(async () => {
  const [rtmp = 0, rtsp = 0] = await freePorts(2);
  rtmpPort = rtmp;
  rtspPort = rtsp;
  server = await startTestKernel({ config: { log: { level: 'debug' } }, plugins: { rtmp: { port: rtmp }, rtsp: { port: rtsp, client: { udpSilenceMs: 1500, answerTimeoutMs: 20_000, silenceTimeoutMs: 3000, retryFirstMs: 200 } } } });
});
test.after.always(() => server.stop());

/** The operation as somebody on this machine calls it. */
function startup(uri: string, toStream: string): Promise<unknown> {
  return server.kernel.parts.operations.call('rtsp.startup', { uri, toStream }, { caller: { kind: 'rest', user: 'test', role: 'admin', address: '127.0.0.1' }, signal: new AbortController().signal });
}

/** Pulls the camera and judges what a player sees of it. */
async function judge(t: ExecutionContext, camera: Camera, player: 'rtmp' | 'rtsp', ...args: readonly string[]): Promise<void> {
  const name = `camera${(pulls += 1)}`;
  await startup(camera.url(), name);
  const url = player === 'rtmp' ? `rtmp://127.0.0.1:${rtmpPort}/live/${name}` : `rtsp://127.0.0.1:${rtspPort}/${name}`;
  const { status, text } = await avCheck(t, url, ['--seconds', '6', '--loop', '20', '--skip', String(FIRST_REPORT_S), '--limit', '60', ...args], player === 'rtmp' ? [] : ['-rtsp_transport', 'tcp']);
  t.is(status, 0, text);
  await server.call('rtsp.terminate', { uri: camera.url() });
  await until(() => server.kernel.parts.media.find(name) === undefined, 'the stream to end');
}

/** What cameras do, and may do wrong, and how the judge has to look at it. The small clip is cheap to decode. */
const CAMERAS: Readonly<Record<string, { readonly camera: readonly string[]; readonly judge?: readonly string[]; readonly player?: 'rtsp' }>> = {
  'Digest, over TCP': { camera: ['--clip', 'avc.mp4'] },
  'a payload type that fits nothing': { camera: ['--video-pt', '127'] },
  'no parameter sets in its description': { camera: ['--no-sprop'] },
  'parameter sets in its description alone': { camera: ['--no-inband'] },
  'absolute control addresses, no Content-Base and no RTP-Info': { camera: ['--absolute-control', '--no-rtp-info'] },
  'no Content-Base': { camera: ['--no-content-base'] },
  'lines that end in LF alone': { camera: ['--bare-lf'] },
  'no password': { camera: ['--auth', 'none'] },
  'Basic': { camera: ['--auth', 'basic'] },
  'UDP alone': { camera: ['--transport', 'udp'] },
  'a session that ends after four seconds of silence': { camera: ['--session-timeout', '4'], judge: ['--seconds', '9'] },
  'no sound': { camera: ['--audio', 'none'], judge: ['--no-audio'] },
  'G.711 A-law': { camera: ['--audio', 'pcma'] },
  'G.711 mu-law': { camera: ['--audio', 'pcmu'] },
  'AAC as LATM': { camera: ['--audio', 'latm'] },
  // This ffmpeg knows neither by RTMP.
  'HEVC': { camera: ['--video', 'h265', '--clip', 'hevc.mp4'], player: 'rtsp' },
  'Opus': { camera: ['--audio', 'opus'], player: 'rtsp' },
};

for (const [what, { camera: cameraArgs, judge: judgeArgs = [], player = 'rtmp' }] of Object.entries(CAMERAS)) {
  peerTest(`a camera with ${what} is pulled`, ['ffmpeg', 'camera'], async (t) => {
    const camera = await Camera.start(t, '--clip', 'small.mp4', ...cameraArgs);
    await judge(t, camera, player, ...judgeArgs);
  });
}

/** Reads a stream as it is: what came, and what the reader was told of breaks. */
function follow(name: string): { frames: number; keyWidths: (number | undefined)[]; suspended: number; resumed: number; ended: string | undefined } {
  const seen = { frames: 0, keyWidths: [] as (number | undefined)[], suspended: 0, resumed: 0, ended: undefined as string | undefined };
  server.kernel.parts.media.find(name)?.subscribe({
    plane: 'frames',
    from: 'live',
    label: 'test',
    sink: {
      onTracks: () => undefined,
      onFrame: ({ track, key }) => {
        seen.frames += 1;
        if (track.kind === 'video' && key) seen.keyWidths.push(track.width);
      },
      onSuspend: () => void (seen.suspended += 1),
      onResume: () => void (seen.resumed += 1),
      onEnd: (reason) => void (seen.ended = reason),
    },
  });
  return seen;
}

for (const mode of ['silent', 'eos', 'close'] as const) {
  peerTest(`readers of a camera that stops (${mode}) wait, and go on when it has been called again`, ['ffmpeg', 'camera'], async (t) => {
    t.timeout(180_000);
    const camera = await Camera.start(t, '--clip', 'small.mp4', '--stop-after', '2', '--stop-mode', mode);
    const name = `stops-${mode}`;
    // Of each viewer the camera makes another run.
    await startup(camera.url('/own'), name);
    const seen = follow(name);
    await until(() => seen.resumed === 1, 'the camera to come back', 60_000);
    const before = seen.frames;
    await until(() => seen.frames > before + 20, 'frames of the second call', 60_000);
    t.is(seen.suspended, 1);
    t.is(seen.ended, undefined);
    t.true(camera.clients >= 2);
    await server.call('rtsp.terminate', { uri: camera.url('/own') });
  });
}

peerTest('readers of a camera that changes its resolution get the other format, and no end', ['ffmpeg', 'camera'], async (t) => {
  t.timeout(180_000);
  const camera = await Camera.start(t, '--clip', 'reschange.ts');
  await startup(camera.url('/own'), 'changing');
  const seen = follow('changing');
  await until(() => seen.keyWidths.includes(640), 'the small picture', 60_000);
  t.is(seen.keyWidths[0], 1280);
  t.deepEqual([seen.suspended, seen.ended], [0, undefined]);
  t.is(server.kernel.parts.media.find('changing')?.tracks.find(({ kind }) => kind === 'video')?.width, 640);
  await server.call('rtsp.terminate', { uri: camera.url('/own') });
});
