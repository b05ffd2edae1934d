import test, { type ExecutionContext } from 'ava';
import { Camera, checkMedia } from '../../support/camera.ts';
import { peerTestsSideBySide } from '../../support/peers.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const peerTest = peerTestsSideBySide(4);
let server: TestKernel;
let rtmpPort: number;
let pulls = 0;

test.before(async () => {
  const [rtmp = 0, rtsp = 0] = await freePorts(2);
  rtmpPort = rtmp;
  server = await startTestKernel({ config: { log: { level: 'debug' } }, plugins: { rtmp: { port: rtmp }, rtsp: { port: rtsp, client: { udpSilenceMs: 1500, answerTimeoutMs: 20_000 } } } });
});
test.after.always(() => server.stop());

/** The operation as somebody on this machine calls it. */
function startup(uri: string, toStream: string): Promise<unknown> {
  return server.kernel.parts.operations.call('rtsp.startup', { uri, toStream }, { caller: { kind: 'rest', user: 'test', role: 'admin', address: '127.0.0.1' }, signal: new AbortController().signal });
}

/** Pulls the camera and judges what an RTMP player sees of it. */
async function judge(t: ExecutionContext, camera: Camera, ...args: readonly string[]): Promise<void> {
  const name = `camera${(pulls += 1)}`;
  await startup(camera.url(), name);
  const verdict = await checkMedia(t, `rtmp://127.0.0.1:${rtmpPort}/live/${name}`, '--seconds', '4', '--loop', '20', '--skip', '1', '--limit', '40', ...args);
  t.regex(verdict.stdout, /PASS/, verdict.stdout + verdict.stderr);
  await server.call('rtsp.terminate', { uri: camera.url() });
  await until(() => server.kernel.parts.media.find(name) === undefined, 'the stream to end');
}

/** What cameras do, and may do wrong, and how the judge has to look at it. The small clip is cheap to decode. */
const CAMERAS: Readonly<Record<string, { readonly camera: readonly string[]; readonly judge?: readonly string[] }>> = {
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
  'a session that ends after four seconds of silence': { camera: ['--session-timeout', '4'], judge: ['--seconds', '6'] },
  'no sound': { camera: ['--audio', 'none'], judge: ['--no-audio'] },
  'G.711 A-law': { camera: ['--audio', 'pcma'], judge: ['--seconds', '5', '--skip', '3'] },
  'G.711 mu-law': { camera: ['--audio', 'pcmu'], judge: ['--seconds', '5', '--skip', '3'] },
  'AAC as LATM': { camera: ['--audio', 'latm'] },
};

for (const [what, { camera: cameraArgs, judge: judgeArgs = [] }] of Object.entries(CAMERAS)) {
  peerTest(`a camera with ${what} is pulled`, ['ffmpeg', 'camera'], async (t) => {
    const camera = await Camera.start(t, '--clip', 'small.mp4', ...cameraArgs);
    await judge(t, camera, ...judgeArgs);
  });
}
