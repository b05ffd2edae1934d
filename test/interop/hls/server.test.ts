import { connect as connectHttp2 } from 'node:http2';
import { gunzipSync } from 'node:zlib';
import anyTest, { type TestFn } from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { ask, LoopPublisher, makeClip, type Clip } from '../../support/hls.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

interface Context {
  kernel: TestKernel;
  clip: Clip;
  port: number;
  tlsPort: number;
}

const test = anyTest as TestFn<Context>;
const withFfmpeg = hasFfmpeg ? test.serial : test.serial.skip;

test.before(async (t) => {
  if (!hasFfmpeg) return;
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { hls: { port, tlsPort } } });
  Object.assign(t.context, { kernel, port, tlsPort, clip: await makeClip() });
});

test.after.always(async (t) => {
  if (hasFfmpeg) await t.context.kernel.stop();
});

/** The context of `before` is copied for each test; ports and kernel are the same. */
function publish({ context, teardown }: { context: Context; teardown: (end: () => void) => void }, name: string, options: ConstructorParameters<typeof LoopPublisher>[3] = {}): LoopPublisher {
  const publisher = new LoopPublisher(context.kernel.kernel.parts.media, name, context.clip, options);
  teardown(() => {
    publisher.stop();
    publisher.publication.end('test over');
  });
  return publisher;
}

const uris = (text: string, extension: string): string[] => text.split('\n').filter((line) => !line.startsWith('#') && line.endsWith(extension));

withFfmpeg('the first playlist comes within 300 ms, from a stream that has just begun too, and is never empty', async (t) => {
  for (const leadMs of [0, 700, 3500]) {
    publish(t, `first${leadMs}`, { leadMs });
    const startedMs = performance.now();
    const { status, text } = await ask(t.context.port, `/first${leadMs}/first${leadMs}.m3u8`);
    const tookMs = performance.now() - startedMs;
    t.is(status, 200);
    t.true(tookMs < 300, `${tookMs} ms`);
    t.regex(text, /#EXT-X-PART:.*INDEPENDENT=YES/);
    t.true(uris(text, '.m4s').length > 0, text);
  }
});

withFfmpeg('a blocking request is answered when its part is listed, and the hinted part is held until it is whole', async (t) => {
  publish(t, 'block', { leadMs: 2500 });
  const first = await ask(t.context.port, '/block/block.m3u8');
  const hint = /PRELOAD-HINT:TYPE=PART,URI="([^"]+-(\d+)\.(\d+)\.m4s)"/.exec(first.text)!;
  const [, uri = '', msn = '', part = ''] = hint;
  const [list, media] = await Promise.all([ask(t.context.port, `/block/block.m3u8?_HLS_msn=${msn}&_HLS_part=${part}`), ask(t.context.port, `/block/${uri}`)]);
  t.is(list.status, 200);
  t.true(list.text.includes(`URI="${uri}"`));
  t.is(media.status, 200);
  t.is(media.body.toString('latin1', 4, 8), 'styp');
  t.is(media.headers['content-type'], 'video/iso.segment');
  const skip = await ask(t.context.port, `/block/block.m3u8?_HLS_msn=${msn}&_HLS_part=${part}&_HLS_skip=YES`);
  t.is(skip.status, 200);
});

withFfmpeg('directives that are wrong or too far ahead are refused at once', async (t) => {
  publish(t, 'wrong', { leadMs: 2500 });
  await ask(t.context.port, '/wrong/wrong.m3u8');
  for (const query of ['_HLS_part=0', '_HLS_msn=-1', '_HLS_msn=x', '_HLS_msn=1000', '_HLS_msn=1&_HLS_part=900']) {
    const { status, headers } = await ask(t.context.port, `/wrong/wrong.m3u8?${query}`);
    t.is(status, 400, query);
    t.is(headers['access-control-allow-origin'], '*');
    t.is(headers['cache-control'], 'max-age=1');
  }
  t.is((await ask(t.context.port, '/wrong/wrong.m3u8?_HLS_msn=0')).status, 200);
});

withFfmpeg('playlists are gzipped on request, media is served in ranges, methods and CORS are kept', async (t) => {
  publish(t, 'http', { leadMs: 2500 });
  const { port } = t.context;
  const plain = await ask(port, '/http/http.m3u8', { headers: { 'accept-encoding': 'gzip' } });
  t.is(plain.headers['content-encoding'], 'gzip');
  t.is(plain.headers['content-type'], 'application/vnd.apple.mpegurl');
  const text = gunzipSync(plain.body).toString();
  const segment = `/http/${uris(text, '.m4s')[0]}`;
  const whole = await ask(port, segment);
  const range = await ask(port, segment, { headers: { range: 'bytes=10-19' } });
  t.is(range.status, 206);
  t.is(range.headers['content-range'], `bytes 10-19/${whole.body.length}`);
  t.deepEqual(range.body, whole.body.subarray(10, 20));
  const past = await ask(port, segment, { headers: { range: `bytes=${whole.body.length}-` } });
  t.is(past.status, 416);
  t.is(past.headers['access-control-allow-origin'], '*');
  const hintEnd = await ask(port, segment, { headers: { range: 'bytes=0-9007199254740991' } });
  t.is(hintEnd.body.length, whole.body.length);
  const head = await ask(port, segment, { method: 'HEAD' });
  t.is(head.headers['content-length'], String(whole.body.length));
  t.is(head.body.length, 0);
  t.is((await ask(port, segment, { method: 'POST' })).status, 405);
  const preflight = await ask(port, segment, { method: 'OPTIONS' });
  t.is(preflight.status, 204);
  t.regex(String(preflight.headers['access-control-allow-headers']), /Range/);
  t.is((await ask(port, '/http/0-1.m4s')).status, 404);
  t.is((await ask(port, '/nobody/nobody.m3u8')).status, 404);
});

withFfmpeg('classic MPEG-TS goes through hls-server over HTTP/1.1 and HTTP/2', async (t) => {
  publish(t, 'classic', { leadMs: 2500 });
  const { port, tlsPort } = t.context;
  const redirect = await ask(port, '/classic/classic.m3u8?type=ts');
  t.is(redirect.status, 302);
  t.is(redirect.headers.location, '/classic/ts/classic.m3u8');
  const list = await ask(port, '/classic/ts/classic.m3u8');
  t.is(list.status, 200);
  t.false(list.text.includes('EXT-X-PART'));
  const [segment = ''] = uris(list.text, '.ts');
  const whole = await ask(port, `/classic/ts/${segment}`);
  // The package's own spelling of the type: the body really came through it.
  t.is(whole.headers['content-type'], 'video/MP2T');
  t.is(whole.body.length % 188, 0);
  t.is(whole.body[0], 0x47);
  const range = await ask(port, `/classic/ts/${segment}`, { headers: { range: 'bytes=188-375' } });
  t.is(range.status, 206);
  t.deepEqual(range.body, whole.body.subarray(188, 376));

  const session = connectHttp2(`https://127.0.0.1:${tlsPort}`, { rejectUnauthorized: false });
  t.teardown(() => session.close());
  const ask2 = (path: string): Promise<{ headers: Record<string, unknown>; body: Buffer }> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, 'accept-encoding': 'gzip' });
      const chunks: Buffer[] = [];
      let headers: Record<string, unknown> = {};
      stream.on('response', (received) => (headers = received));
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => resolve({ headers, body: Buffer.concat(chunks) }));
      stream.on('error', reject);
      stream.end();
    });
  const list2 = await ask2('/classic/ts/classic.m3u8');
  t.is(list2.headers['content-encoding'], 'gzip');
  t.regex(gunzipSync(list2.body).toString(), /\.ts/);
  const segment2 = await ask2(`/classic/ts/${segment}`);
  t.is(segment2.headers['content-type'], 'video/MP2T');
  t.deepEqual(segment2.body, whole.body);
  const part2 = await ask2('/classic/classic.m3u8');
  t.is(part2.headers[':status'], 200);
});

withFfmpeg("a viewer's own parameters are asked about once and come back on every URI; a refusal is 403", async (t) => {
  publish(t, 'secret', { leadMs: 2500 });
  const asked: string[] = [];
  const release = t.context.kernel.kernel.parts.access.use({
    name: 'test',
    order: 1,
    authorise: ({ streamName = '', params }) => {
      if (streamName !== 'secret') return undefined;
      asked.push(params['token'] ?? '');
      return params['token'] === 'good' ? { allowed: true } : { allowed: false, reason: 'Wrong token.' };
    },
  });
  t.teardown(release);
  const { port } = t.context;
  t.is((await ask(port, '/secret/secret.m3u8')).status, 403);
  const list = await ask(port, '/secret/secret.m3u8?token=good');
  t.is(list.status, 200);
  t.is(list.headers['cache-control'], 'private, max-age=1');
  const [segment = ''] = uris(list.text, '.m4s?token=good');
  t.regex(list.text, /EXT-X-MAP:URI="[^"]+\.mp4\?token=good"/);
  t.regex(list.text, /PRELOAD-HINT:[^\n]+\?token=good"/);
  t.is((await ask(port, `/secret/${segment}`)).status, 200);
  t.is((await ask(port, `/secret/${segment.replace('?token=good', '')}`)).status, 403);
  t.deepEqual(asked, ['', 'good', '']);
});

withFfmpeg('a name with a slash is redirected to its encoded form and served there', async (t) => {
  publish(t, 'live/cam', { leadMs: 2500 });
  const plain = await ask(t.context.port, '/live/cam/live/cam.m3u8?a=1');
  t.is(plain.status, 302);
  t.is(plain.headers.location, '/live%2Fcam/live%2Fcam.m3u8?a=1');
  const list = await ask(t.context.port, '/live%2Fcam/live%2Fcam.m3u8');
  t.is((await ask(t.context.port, `/live%2Fcam/${uris(list.text, '.m4s')[0]}`)).status, 200);
});

withFfmpeg('the multivariant playlist names codecs, size and rate', async (t) => {
  publish(t, 'many', { leadMs: 2500 });
  const { text } = await ask(t.context.port, '/many/master.m3u8');
  t.regex(text, /BANDWIDTH=\d{4,},AVERAGE-BANDWIDTH=\d{4,},CODECS="avc1\.[0-9A-F]{6},mp4a\.40\.2",RESOLUTION=320x180,FRAME-RATE=30\.000\nmany\.m3u8\n/);
});

withFfmpeg('held requests end when the client leaves, when the stream ends, and with an end of the list', async (t) => {
  const publisher = publish(t, 'held', { leadMs: 2500 });
  const { port, kernel } = t.context;
  const { text } = await ask(port, '/held/held.m3u8');
  publisher.pause();
  const msn = Number(/PRELOAD-HINT:[^\n]+-(\d+)\.\d+\.m4s/.exec(text)![1]);
  const leaver = new AbortController();
  const left = ask(port, `/held/held.m3u8?_HLS_msn=${msn}`, { signal: leaver.signal });
  const waiting = async (): Promise<number> => {
    const rows = (await kernel.call('hls.find_all')) as { streamName: string; waitingSize: number }[];
    return rows.find(({ streamName }) => streamName === 'held')!.waitingSize;
  };
  await until(async () => (await waiting()) === 1, 'a held request');
  leaver.abort();
  await t.throwsAsync(left);
  await until(async () => (await waiting()) === 0, 'the request let go of');
  const held = ask(port, `/held/held.m3u8?_HLS_msn=${msn + 1}`);
  await until(async () => (await waiting()) === 1, 'a held request');
  publisher.publication.end('over');
  const answer = await held;
  t.is(answer.status, 200);
  t.regex(answer.text, /#EXT-X-ENDLIST\n$/);
  t.false(answer.text.includes('PRELOAD-HINT'));
});

withFfmpeg('a publisher that returns goes on with the numbers, behind gaps and a discontinuity', async (t) => {
  const publisher = publish(t, 'back', { leadMs: 2500 });
  const { port } = t.context;
  await ask(port, '/back/back.m3u8');
  publisher.publication.suspend('gone');
  publisher.stop();
  const gaps = await until(async () => {
    const { text } = await ask(port, '/back/back.m3u8');
    return text.includes('GAP=YES') ? text : undefined;
  }, 'gaps');
  const again = publish(t, 'back');
  const after = await until(async () => {
    const { text } = await ask(port, '/back/back.m3u8');
    return /DISCONTINUITY\n(?:#EXT-X-MAP[^\n]*\n)?#EXT-X-PROGRAM-DATE-TIME[^\n]+\n#EXT-X-PART/.test(text) ? text : undefined;
  }, 'a discontinuity');
  const lastMsn = (text: string): number => Math.max(...[...text.matchAll(/-(\d+)\.m4s/g)].map(([, msn]) => Number(msn)));
  t.true(lastMsn(after) >= lastMsn(gaps));
  t.is(/MEDIA-SEQUENCE:(\d+)/.exec(after)![1], /MEDIA-SEQUENCE:(\d+)/.exec(gaps)![1]);
  again.publication.end('over');
  again.stop();
  publish(t, 'back', { leadMs: 2500 });
  const anew = await ask(port, '/back/back.m3u8');
  t.true(Number(/MEDIA-SEQUENCE:(\d+)/.exec(anew.text)![1]) > lastMsn(after) - 1, anew.text);
  t.regex(anew.text, /#EXT-X-DISCONTINUITY\n/);
  t.false(anew.text.includes('ENDLIST'));
});

withFfmpeg('operations show packagers and viewers under the documented names', async (t) => {
  publish(t, 'ops', { leadMs: 2500 });
  const { kernel, port } = t.context;
  await kernel.call('hls.startup', { name: 'ops' });
  await ask(port, '/ops/ops.m3u8', { headers: { 'user-agent': 'tester' } });
  const rows = (await kernel.call('hls.find_all', { offset: '0', size: 100 })) as Record<string, unknown>[];
  const row = rows.find(({ streamName }) => streamName === 'ops')!;
  t.deepEqual(Object.keys(row), ['id', 'streamName', 'status', 'waitingSize', 'profiles', 'subscribers', 'playlist', 'createdDate', 'logs']);
  t.is(row['status'], 'ACTIVE');
  t.is(row['subscribers'], 1);
  const [profile] = (await kernel.call('hls.profiles', { hlsId: row['id'] })) as Record<string, unknown>[];
  t.like(profile, { name: 'fmp4', stream: 'ops', keyFrameReceived: true, videoProfile: { type: 'h264', width: 320, height: 180 } });
  const [viewer] = (await kernel.call('hls.subscribers', { hlsId: row['id'] })) as { userAgent: string; metrics: Record<string, unknown> }[];
  t.is(viewer!.userAgent, 'tester');
  t.is(viewer!.metrics['requestsNumber'], 1);
  t.deepEqual(viewer!.metrics['requestStatuses'], { 200: 1 });
  const stat = kernel.kernel.parts.metrics.groups().find(({ group }) => group === 'connections_stats')!;
  t.true(Number(stat.values.find(({ name }) => name === 'connections_hls')!.value) >= 1);
  await kernel.call('hls.terminate', { name: 'ops' });
  await t.throwsAsync(kernel.call('hls.terminate', { name: 'ops' }), { code: 'MEDIA_E_NOT_FOUND' });
  await t.throwsAsync(kernel.call('hls.startup', { name: 'nobody' }), { code: 'MEDIA_E_NOT_FOUND' });
  t.is((await ask(port, '/ops/ops.m3u8')).status, 200);
});
