import test, { type ExecutionContext } from 'ava';
import { Camera, checkMedia, hasCamera } from '../../support/camera.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const real = hasCamera ? test.serial : test.serial.skip;
let server: TestKernel;
let rtmpPort: number;

test.before(async () => {
  const [rtmp = 0, rtsp = 0] = await freePorts(2);
  rtmpPort = rtmp;
  server = await startTestKernel({ config: { log: { level: 'debug' } }, plugins: { rtmp: { port: rtmp }, rtsp: { port: rtsp, client: { udpSilenceMs: 1500 } } } });
});
test.after.always(() => server.stop());

/** The operation as somebody on this machine calls it. */
function startup(uri: string, toStream: string): Promise<unknown> {
  return server.kernel.parts.operations.call('rtsp.startup', { uri, toStream }, { caller: { kind: 'rest', user: 'test', role: 'admin', address: '127.0.0.1' }, signal: new AbortController().signal });
}

/** Pulls the camera and judges what an RTMP player sees of it. */
async function judge(t: ExecutionContext, camera: Camera, name: string, ...args: string[]): Promise<void> {
  await startup(camera.url(), name);
  const verdict = await checkMedia(t, `rtmp://127.0.0.1:${rtmpPort}/live/${name}`, '--seconds', '5', '--loop', '20', '--skip', '1', '--limit', '40', ...args);
  t.regex(verdict.stdout, /PASS/, verdict.stdout + verdict.stderr);
  await server.call('rtsp.terminate', { uri: camera.url() });
  await until(() => server.kernel.parts.media.find(name) === undefined, 'the stream to end');
}

real('a camera with Digest is pulled over TCP', async (t) => {
  const camera = await Camera.start(t);
  await judge(t, camera, 'digest');
});

/** What a real camera may do wrong, and how the judge has to look at it. */
let number = 0;

const FAULTS: Readonly<Record<string, { readonly camera: readonly string[]; readonly judge?: readonly string[] }>> = {
  'a payload type that fits nothing': { camera: ['--video-pt', '127'] },
  'no parameter sets in its description': { camera: ['--no-sprop'] },
  'parameter sets in its description alone': { camera: ['--no-inband'] },
  'absolute control addresses, no Content-Base and no RTP-Info': { camera: ['--absolute-control', '--no-rtp-info'] },
  'no Content-Base': { camera: ['--no-content-base'] },
  'lines that end in LF alone': { camera: ['--bare-lf'] },
  'no password': { camera: ['--auth', 'none'] },
  'Basic': { camera: ['--auth', 'basic'] },
  'UDP alone': { camera: ['--transport', 'udp'] },
  'a session that ends after four seconds of silence': { camera: ['--session-timeout', '4'] },
  'no sound': { camera: ['--audio', 'none'], judge: ['--no-audio'] },
  'G.711 A-law': { camera: ['--audio', 'pcma'], judge: ['--skip', '3'] },
  'G.711 mu-law': { camera: ['--audio', 'pcmu'], judge: ['--skip', '3'] },
  'AAC as LATM': { camera: ['--audio', 'latm'] },
};

for (const [fault, { camera: cameraArgs, judge: judgeArgs = [] }] of Object.entries(FAULTS)) {
  real(`a camera with ${fault} is pulled`, async (t) => {
    const camera = await Camera.start(t, ...cameraArgs);
    await judge(t, camera, `cam${(number += 1)}`, ...judgeArgs);
  });
}
