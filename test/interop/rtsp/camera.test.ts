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
