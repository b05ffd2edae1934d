import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { FakeOfferAnswer } from '../../support/fake-offer-answer.ts';
import { ENCODERS, ffmpeg, hasFfmpeg, testInputs } from '../../support/ffmpeg.ts';
import { logOf, openSdkPages } from '../../support/sdk-page.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const hasBrowser = existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium');
const inBrowser = hasBrowser ? test.serial : test.serial.skip;
const withMedia = hasBrowser && hasFfmpeg ? test.serial : test.serial.skip;

interface Setup {
  readonly kernel: TestKernel;
  readonly url: string;
  readonly rtmpPort: number;
}

async function start(t: ExecutionContext, settings: Readonly<Record<string, unknown>> = {}): Promise<Setup> {
  const [port = 0, tlsPort = 0, rtmpPort = 0] = await freePorts(3);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort, ...settings }, rtmp: { port: rtmpPort } } });
  t.teardown(() => kernel.stop());
  return { kernel, url: `ws://127.0.0.1:${port}`, rtmpPort };
}

/** Waits until the page has seen something. */
async function seen(page: Page, what: string | RegExp, timeoutMs = 15_000): Promise<string> {
  const fits = (line: string): boolean => (typeof what === 'string' ? line.trim() === what : what.test(line));
  return until(async () => (await logOf(page)).find(fits), `${String(what)} in ${JSON.stringify(await logOf(page))}`, timeoutMs);
}

inBrowser('the unmodified SDK connects, is pinged, probes streams, and hears why a stream fails', async (t) => {
  t.timeout(60_000);
  const { kernel, url } = await start(t, { pingIntervalMs: 200 });
  const media = new FakeOfferAnswer(kernel);
  const [page] = (await openSdkPages(t, 1)) as [Page];
  await page.evaluate(`connect('${url}', { custom: { a: 1 }, pingInterval: 300, receiveProbes: 5, probesInterval: 1000 })`);
  await seen(page, 'session ESTABLISHED');
  kernel.kernel.parts.media.publish({ name: 'taken', owner: 'somebody', meta: { plugin: 'test', protocol: 'test', sessionId: 'x', params: {} } });

  await page.evaluate(`streams.probe = session.createStream({ name: 'taken' }); streams.probe.available().then((stream) => note('available', stream.name()), () => note('not available'))`);
  await seen(page, 'available taken');
  await page.evaluate(`session.createStream({ name: 'absent' }).available().then(() => note('there'), () => note('not there'))`);
  await seen(page, 'not there');
  await page.evaluate(`session.sendData({ x: 1 }).then(() => note('data accepted'), (error) => note('data refused', error))`);
  await seen(page, 'data accepted');

  await page.evaluate(`play('p1', { name: 'absent' })`);
  await seen(page, 'p1 FAILED Stream not found');
  await page.evaluate(`publish('s1', { name: 'taken' })`);
  await seen(page, 's1 FAILED Stream name is already in use');
  await page.evaluate(`session.createStream({ name: 'taken', display: document.getElementById('remote') }).snapshot()`);
  // Longer than the SDK's watchdog waits without a frame of the server.
  await new Promise((resolve) => setTimeout(resolve, 6000));
  t.is(kernel.kernel.parts.sessions.list({ protocol: 'websocket' })[0]?.state, 'ESTABLISHED');
  t.deepEqual((await logOf(page)).filter((line) => /page error|unhandled|DISCONNECTED|session FAILED/.test(line)), []);
  t.true(media.asked >= 2);

  await page.evaluate('session.disconnect()');
  await seen(page, 'session DISCONNECTED');
  await until(() => kernel.kernel.parts.sessions.count('websocket') === 0);
  t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
});

inBrowser('three members of a room see each other come, talk and go', async (t) => {
  t.timeout(60_000);
  const { url } = await start(t);
  const [alice, bob, carol] = (await openSdkPages(t, 3)) as [Page, Page, Page];
  await alice.evaluate(`enter('${url}', 'Alice', 'lobby')`);
  await seen(alice, 'STATE []');
  await bob.evaluate(`enter('${url}', 'Bob', 'lobby')`);
  await seen(bob, 'STATE ["Alice"]');
  await carol.evaluate(`enter('${url}', 'Carol', 'lobby')`);
  await seen(carol, 'STATE ["Alice","Bob"]');
  await seen(alice, 'JOINED Carol');
  await seen(bob, 'JOINED Carol');
  await carol.evaluate(`room.getParticipants().forEach((participant) => participant.sendMessage('hello', (error) => note('not sent', error)))`);
  await seen(alice, 'MESSAGE Carol hello');
  await seen(bob, 'MESSAGE Carol hello');
  await bob.evaluate('room.leave()');
  await seen(alice, 'LEFT Bob');
  await alice.close();
  await seen(carol, 'LEFT Alice');
  t.deepEqual((await logOf(carol)).filter((line) => /page error|unhandled|FAILED|not sent/.test(line)), []);
});

async function publishRtmp(t: ExecutionContext, setup: Setup, name: string, encoder: readonly string[]): Promise<void> {
  const clip = join(temporaryFolder(), 'clip.flv');
  await ffmpeg(...testInputs(6, 'both'), ...encoder, ...ENCODERS.aac, '-shortest', '-f', 'flv', clip);
  const child = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-re', '-stream_loop', '-1', '-i', clip, '-c', 'copy', '-f', 'flv', `rtmp://127.0.0.1:${setup.rtmpPort}/live/${name}`], { stdio: 'ignore' });
  t.teardown(() => void child.kill('SIGKILL'));
  await until(() => (setup.kernel.kernel.parts.media.find(name)?.tracks.length ?? 0) === 2, 'the tracks');
}

interface VideoState {
  readonly currentTime: number;
  readonly frames: number;
  readonly error: string | null;
}

withMedia('an RTMP stream of H.264 and AAC plays by Media Source Extensions until its publisher stops', async (t) => {
  t.timeout(90_000);
  const setup = await start(t);
  await publishRtmp(t, setup, 'cam', ENCODERS.h264);
  const [page] = (await openSdkPages(t, 1)) as [Page];
  await page.evaluate(`connect('${setup.url}', { preferredMediaProviders: ['MSE'] })`);
  await seen(page, 'session ESTABLISHED');
  await page.evaluate(`play('p', { name: 'cam' })`);
  await seen(page, 'p PLAYING');
  const state = (): Promise<VideoState> => page.evaluate('video()');
  const first = await until(async () => { const now = await state(); return now.frames > 0 ? now : undefined; }, 'the first picture');
  const later = await until(async () => { const now = await state(); return now.currentTime > first.currentTime + 4 && now.frames > first.frames + 80 ? now : undefined; }, 'four seconds of pictures')
    .catch(async (error: unknown) => { t.log(await state(), await logOf(page)); throw error; });
  t.log({ first, later });
  t.is(later.error, null);
  t.is(setup.kernel.kernel.host.slot('websocket').faultsSeen, 0);
  const [row] = setup.kernel.kernel.parts.sessions.list({ protocol: 'websocket' });
  t.like(row, { role: 'play', streamName: 'cam' });

  setup.kernel.kernel.parts.media.find('cam')?.terminate('Stopped by rest /terminate');
  await seen(page, 'p FAILED Stopped by publisher stop');
  await until(() => setup.kernel.kernel.parts.sessions.list({ protocol: 'websocket' })[0]?.role === 'control');
  t.deepEqual((await logOf(page)).filter((line) => /page error|unhandled/.test(line)), []);
});

withMedia('a stream with B-frames is refused by name', async (t) => {
  t.timeout(60_000);
  const setup = await start(t);
  await publishRtmp(t, setup, 'bframes', ENCODERS.h264BFrames);
  const [page] = (await openSdkPages(t, 1)) as [Page];
  await page.evaluate(`connect('${setup.url}', { preferredMediaProviders: ['MSE'] })`);
  await seen(page, 'session ESTABLISHED');
  await page.evaluate(`play('p', { name: 'bframes' })`);
  t.regex(await seen(page, /^p FAILED/), /Transcoding required, but disabled: the stream has B-frames/);
});
