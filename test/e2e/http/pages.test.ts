import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, join } from 'node:path';
import test from 'ava';
import type { Page } from 'playwright-core';
import { fakeHls, openHttpPage, shoot } from '../../support/http-page.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import type { TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

/** Publishes a stream with some frames, as a plugin would. */
function publish({ kernel }: TestKernel, name: string): void {
  const video = { id: 'video', kind: 'video' as const, codec: 'h264' as const, clockRateHz: 90_000, revision: 1, width: 1280, height: 720 };
  const audio = { id: 'audio', kind: 'audio' as const, codec: 'aac' as const, clockRateHz: 48_000, revision: 1, sampleRateHz: 48_000, channels: 2 };
  const publication = kernel.parts.media.publish({ name, owner: 'test', tracks: [video, audio], meta: { plugin: 'rtmp', protocol: 'rtmp', sessionId: name, params: {} } });
  for (let index = 0; index < 30; index++) {
    const ptsUs = index * 33_333;
    publication.write({ track: video, ptsUs, dtsUs: ptsUs, key: index === 0, data: new Uint8Array(5000), receivedAtMs: performance.now() });
  }
}

async function signIn(page: Page, password: string): Promise<void> {
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test.serial('The dashboard asks for the password, then shows streams, plugins and ports, and changes plugins', async (t) => {
  const { server, base, page, complaints } = await openHttpPage((work) => t.teardown(work));
  server.kernel.parts.sessions.open({ protocol: 'rtmp', plugin: 'rtmp', kind: 'client', peer: { address: '203.0.113.7', port: 51000 }, kill: () => undefined });
  await page.goto(base);
  await page.getByLabel('Password').waitFor();
  await shoot(page, 'sign-in');
  await signIn(page, 'wrong');
  await page.getByText('The user or the password is wrong.').waitFor();
  await signIn(page, server.password);
  await page.getByText('Nothing is published yet.').waitFor();
  publish(server, 'front/door');
  const link = page.getByRole('link', { name: 'front/door' });
  await link.waitFor();
  t.is(await link.getAttribute('href'), '/player?name=front%2Fdoor');
  t.regex((await page.locator('#rows-streams tr').textContent()) ?? '', /H264 · 1280×720.*AAC · 48 kHz/);
  await page.getByText('203.0.113.7:51000').waitFor();
  await page.getByRole('row', { name: /^http http|^http:/ }).first().waitFor();
  await shoot(page, 'dashboard-light');
  await page.getByRole('button', { name: 'Reload http' }).click();
  await page.getByText('Plugin http is up to date.').waitFor();
  page.on('dialog', (dialog) => void dialog.accept());
  await page.getByRole('button', { name: 'Stop front/door' }).click();
  await page.getByText('Stream front/door is stopped.').waitFor();
  await page.getByText('Nothing is published yet.').waitFor();
  t.deepEqual(complaints, []);
});

test.serial('The dashboard is legible in the dark and on a narrow screen', async (t) => {
  const { server, base, page, complaints } = await openHttpPage((work) => t.teardown(work), { colorScheme: 'dark' });
  publish(server, 'studio');
  publish(server, 'camera-2');
  await page.goto(base);
  await signIn(page, server.password);
  await page.getByRole('link', { name: 'studio' }).waitFor();
  const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
  t.is(background, 'rgb(15, 17, 23)');
  await shoot(page, 'dashboard-dark');
  await page.setViewportSize({ width: 390, height: 800 });
  await shoot(page, 'dashboard-narrow');
  t.is(await page.evaluate<number>('document.documentElement.scrollWidth'), 390, 'the page does not scroll sideways');
  t.deepEqual(complaints, []);
});

test.serial('The API page lists the operations and sends one', async (t) => {
  const { server, base, page, complaints } = await openHttpPage((work) => t.teardown(work));
  await page.goto(`${base}/api`);
  await signIn(page, server.password);
  await page.getByLabel('Filter operations').fill('plugin/info');
  const operation = page.locator('details:visible');
  t.is(await operation.count(), 1);
  await operation.locator('summary').click();
  await page.getByLabel('Body for /rest-api/plugin/info').fill('{"name":"http"}');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/^200 in \d+ ms/).waitFor();
  await shoot(page, 'api');
  await page.getByLabel('Body for /rest-api/plugin/info').fill('{"name":"nothing"}');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.getByText(/There is no plugin nothing/).waitFor();
  t.deepEqual(complaints, []);
});

test.serial('The player waits for a stream that is not there, and says why another is not shown', async (t) => {
  const hls = await fakeHls(404);
  t.teardown(() => hls.server.close());
  const { base, page, complaints } = await openHttpPage((work) => t.teardown(work), { hlsPort: hls.port });
  await page.goto(`${base}/player?name=${encodeURIComponent('front/door')}&token=abc`);
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  await page.locator('#note').getByText(/the plugin webrtc is off/).waitFor();
  await shoot(page, 'player-waiting');
  t.is(hls.asked[0], '/front%2Fdoor/front%2Fdoor.m3u8?token=abc');
  const before = hls.asked.length;
  hls.status.code = 403;
  await page.getByRole('heading', { name: "You aren't allowed to watch this stream" }).waitFor();
  t.true(hls.asked.length > before);
  await shoot(page, 'player-refused');
  hls.status.code = 503;
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByRole('heading', { name: "The stream isn't ready" }).waitFor();
  hls.server.closeAllConnections();
  hls.server.close();
  await page.getByRole('heading', { name: "The HLS server doesn't answer" }).waitFor();
  t.deepEqual(complaints, []);
});

test.serial('The player without a name asks for one', async (t) => {
  const hls = await fakeHls(404);
  t.teardown(() => hls.server.close());
  const { base, page, complaints } = await openHttpPage((work) => t.teardown(work), { hlsPort: hls.port });
  await page.goto(`${base}/player`);
  await page.getByLabel('Stream name').fill('studio');
  await shoot(page, 'player-choose');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  await page.getByRole('heading', { name: 'studio' }).waitFor();
  t.is(new URL(page.url()).searchParams.get('name'), 'studio');
  t.deepEqual(complaints, []);
});

/** ffmpeg writes a live HLS stream with picture and tone into a folder, and a plain file server serves it. */
async function liveHls(teardown: (work: () => void) => void): Promise<{ port: number; setLive(live: boolean): void }> {
  const folder = temporaryFolder({ teardown });
  const input = ['-f', 'lavfi', '-i', 'testsrc2=size=640x360:rate=25', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'];
  const codecs = ['-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25', '-pix_fmt', 'yuv420p', '-c:a', 'aac'];
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-re', ...input, ...codecs, '-f', 'hls', '-hls_time', '1', '-hls_list_size', '6', '-hls_flags', 'delete_segments', join(folder, 'live.m3u8')], { stdio: 'ignore' });
  let live = false;
  const server = createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    try {
      if (!live) throw new Error('Nothing is published.');
      response.end(readFileSync(join(folder, basename(new URL(request.url ?? '', 'http://x').pathname))));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  teardown(() => {
    ffmpeg.kill('SIGKILL');
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, setLive: (next) => (live = next) };
}

test.serial('The player starts by itself when the stream comes, muted where the browser wants it, and waits again when it goes', async (t) => {
  const hls = await liveHls((work) => t.teardown(work));
  const { base, page, complaints } = await openHttpPage((work) => t.teardown(work), { hlsPort: hls.port });
  // Whatever a test asks the page counts as a deed of the user, so that the browser's own rule never applies; this is it.
  await page.addInitScript(`
    let clicked = false;
    addEventListener('click', () => (clicked = true), true);
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      const refused = !this.muted && !clicked;
      return refused ? Promise.reject(new DOMException('The user has done nothing yet.', 'NotAllowedError')) : play.call(this);
    };
  `);
  await page.goto(`${base}/player?name=live`);
  await page.getByRole('heading', { name: "The stream isn't there yet" }).waitFor();
  hls.setLive(true);
  await page.getByRole('status').getByText('live', { exact: true }).waitFor({ timeout: 30_000 });
  await page.locator('#fact-resolution').getByText('640×360').waitFor();
  t.true(await page.evaluate<boolean>("document.getElementById('video').muted"));
  await page.locator('#fact-latency').getByText(/^\d+\.\d s$/).waitFor();
  await shoot(page, 'player-playing');
  await page.getByRole('button', { name: 'Turn the sound on' }).click();
  t.false(await page.evaluate<boolean>("document.getElementById('video').muted"));
  t.false(await page.getByRole('button', { name: 'Turn the sound on' }).isVisible());
  const playedUpTo = () => page.evaluate<number>("document.getElementById('video').currentTime");
  const before = await playedUpTo();
  await until(async () => (await playedUpTo()) > before + 1, 'the picture goes on with sound');
  hls.setLive(false);
  await page.getByRole('heading', { name: 'The stream has stopped' }).waitFor({ timeout: 30_000 });
  hls.setLive(true);
  await page.getByRole('status').getByText('live', { exact: true }).waitFor({ timeout: 30_000 });
  t.deepEqual(complaints, []);
});
