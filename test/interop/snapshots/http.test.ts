import test from 'ava';
import { COLOURS, colourClip, colourDistance, lookAt } from '../../support/colour-clips.ts';
import { hasPeer, peerTest } from '../../support/peers.ts';
import { childrenOf, publishClip, snapshotKernel, takePicture, writeSecond } from '../../support/snapshots.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const authorization = (password: string): string => `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

peerTest('the picture of a stream is at a fixed address, in both formats and no wider than asked', ['ffmpeg'], async (t) => {
  const [port] = await freePorts(1);
  const kernel = await snapshotKernel(t, { minIntervalMs: 3000 }, { http: { port, tlsPort: 'off' } });
  const clip = await colourClip('h264');
  writeSecond(publishClip(kernel, 'hall/camera', clip), clip, 0);
  const get = (target: string, headers: Record<string, string> = {}) => fetch(`http://127.0.0.1:${port}/snapshot/${target}`, { headers });
  for (const [target, type, width] of [
    ['hall/camera.png', 'image/png', 320],
    ['hall%2Fcamera.jpg', 'image/jpeg', 320],
    ['hall/camera.jpg?width=161', 'image/jpeg', 161],
    ['hall/camera.png?width=1000', 'image/png', 320],
  ] as const) {
    const answer = await get(target);
    t.is(answer.status, 200, target);
    t.is(answer.headers.get('content-type'), type);
    t.is(answer.headers.get('cache-control'), 'private, max-age=3');
    const picture = lookAt(new Uint8Array(await answer.arrayBuffer()));
    t.is(picture.width, width, target);
    t.true(Math.abs(picture.height - (width * 240) / 320) < 1, target);
    t.true(colourDistance(picture.colour, COLOURS[0]) <= 12, `${target}: ${picture.colour.join()}`);
    const again = await get(target, { 'If-None-Match': answer.headers.get('etag') ?? '' });
    t.is(again.status, 304);
    t.is((await again.arrayBuffer()).byteLength, 0);
  }
  const head = await fetch(`http://127.0.0.1:${port}/snapshot/hall/camera.png`, { method: 'HEAD' });
  t.true(Number(head.headers.get('content-length')) > 100);
  t.is((await get('hall/camera.png?width=x')).status, 400);
  t.is((await get('nobody.png')).status, 404);
  t.is((await fetch(`http://127.0.0.1:${port}/snapshot/hall/camera.png`, { method: 'POST' })).status, 405);
});

peerTest('too many pictures for one address are refused until later, and what the access chain refuses always', ['ffmpeg'], async (t) => {
  const [port] = await freePorts(1);
  const kernel = await snapshotKernel(t, { minIntervalMs: 60_000, requestsPerMinute: 3 }, { http: { port, tlsPort: 'off' } });
  const clip = await colourClip('h264');
  writeSecond(publishClip(kernel, 'camera', clip), clip, 0);
  writeSecond(publishClip(kernel, 'other', clip), clip, 0);
  const get = (target: string) => fetch(`http://127.0.0.1:${port}/snapshot/${target}`);
  for (let count = 0; count < 3; count++) t.is((await get('camera.png')).status, 200);
  const refused = await get('camera.png');
  t.is(refused.status, 429);
  t.true(Number(refused.headers.get('retry-after')) > 0 && Number(refused.headers.get('retry-after')) <= 60);
  t.is((await get('other.png')).status, 200, 'another stream is counted apart');
  const asked: unknown[] = [];
  kernel.kernel.parts.access.use({
    name: 'test',
    order: 0,
    authorise: ({ action, protocol, streamName, params }) => {
      asked.push({ action, protocol, streamName, token: params['token'] });
      return { allowed: false, reason: 'not you' };
    },
  });
  const forbidden = await get('other.png?token=abc');
  t.is(forbidden.status, 403);
  t.deepEqual(asked, [{ action: 'play', protocol: 'snapshot', streamName: 'other', token: 'abc' }]);
});

peerTest('/stream/snapshot gives the PNG in base64, 404 for streams that are unknown or have no video', ['ffmpeg'], async (t) => {
  const [port] = await freePorts(1);
  const kernel = await snapshotKernel(t, {}, { http: { port, tlsPort: 'off' } });
  const ask = (body: unknown) => fetch(`http://127.0.0.1:${port}/rest-api/stream/snapshot`, { method: 'POST', headers: { 'Content-Type': 'application/json', authorization: authorization(kernel.password) }, body: JSON.stringify(body) });
  const clip = await colourClip('h264');
  writeSecond(publishClip(kernel, 'camera', clip), clip, 1);
  const { data } = (await (await ask({ streamName: 'camera' })).json()) as { data: string };
  const png = Buffer.from(data, 'base64');
  t.is(png.toString('latin1', 1, 4), 'PNG');
  t.true(colourDistance(lookAt(png).colour, COLOURS[1]) <= 12);
  t.is((await ask({ streamName: 'nobody' })).status, 404);
  publishClip(kernel, 'radio', { track: { id: 'audio', kind: 'audio', codec: 'opus', clockRateHz: 48_000, revision: 1 } });
  const silent = await ask({ streamName: 'radio' });
  t.is(silent.status, 404);
  t.like(await silent.json(), { error: { code: 'MEDIA_E_NO_VIDEO', message: 'Stream radio has no video.' } });
});

test('a stream without a key frame is asked for one, and given up in time', async (t) => {
  const kernel = await snapshotKernel(t, { timeoutMs: 300 });
  let requests = 0;
  publishClip(kernel, 'camera', { track: { id: 'video', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 1 } }, { onKeyFrameRequest: () => requests++ });
  await t.throwsAsync(takePicture(kernel, 'camera'), { code: 'MEDIA_E_NO_PICTURE', message: /no key frame in time/ });
  t.true(requests > 0);
  t.is(kernel.kernel.parts.media.find('camera')?.subscriberCount, 0, 'nothing is left');
});

test('where no decoder is, the error says what is missing', async (t) => {
  const kernel = await snapshotKernel(t, { backend: 'ffmpeg', ffmpegPath: '/nowhere/ffmpeg' });
  const track = { id: 'video', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 1 } as const;
  publishClip(kernel, 'camera', { track }).write({ track, ptsUs: 0, dtsUs: 0, key: true, data: Buffer.from('1000009d012aa2005a00', 'hex'), receivedAtMs: performance.now() });
  await t.throwsAsync(takePicture(kernel, 'camera'), { code: 'MEDIA_E_NO_DECODER', message: /ffmpeg: .*ENOENT.*Install ffmpeg/ });
});

peerTest('an old key frame is replaced by one on request, where the publisher makes them', ['ffmpeg'], async (t) => {
  const kernel = await snapshotKernel(t, { freshMs: 1000 });
  const clip = await colourClip('vp8');
  const publication = publishClip(kernel, 'camera', clip, { onKeyFrameRequest: () => writeSecond(publication, clip, 2) });
  const [first] = clip.frames;
  publication.write({ ...first!, receivedAtMs: performance.now() - 5000 });
  t.true(colourDistance(lookAt(await takePicture(kernel, 'camera')).colour, COLOURS[2]) <= 12);
});

if (hasPeer('ffmpeg')) {
  test('a decoder that is killed is replaced at the next picture', async (t) => {
    const kernel = await snapshotKernel(t, { backend: 'node-av' });
    const clip = await colourClip('h264');
    writeSecond(publishClip(kernel, 'camera', clip), clip, 0);
    await takePicture(kernel, 'camera');
    const children = childrenOf(process.pid).filter(({ command }) => command.includes('snapshots@'));
    t.is(children.length, 1, 'one decoder is kept');
    for (const { pid } of children) process.kill(pid, 'SIGSEGV');
    await until(() => childrenOf(process.pid).every(({ pid }) => pid !== children[0]?.pid), 'its end');
    t.true((await takePicture(kernel, 'camera')).length > 0);
    t.is(kernel.kernel.host.slot('snapshots').faultsSeen, 0);
  });
}
