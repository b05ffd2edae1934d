import test from 'ava';
import type { Page } from 'playwright-core';
import { FakeMediaServer, problem, WEBRTC_FLAGS } from '../../support/fake-media-server.ts';
import { openHttpPage, shoot, type HttpPage, type HttpPageOptions } from '../../support/http-page.ts';
import { until } from '../../support/until.ts';

async function setUp(teardown: (work: () => unknown) => void, options: HttpPageOptions = {}): Promise<HttpPage & { readonly media: FakeMediaServer }> {
  const http = await openHttpPage((work) => teardown(work), { flags: WEBRTC_FLAGS, ...options });
  return { ...http, media: await FakeMediaServer.start(http.server, http.context) };
}

const stateIs = (page: Page, state: string) => page.locator('#state').getByText(state, { exact: true }).waitFor({ timeout: 30_000 });
const start = (page: Page) => page.getByRole('button', { name: 'Start publishing' }).click();

test.serial('The publishing page shows a preview, publishes with the name, the codec and the token, and stops', async (t) => {
  const { base, page, complaints, media } = await setUp((work) => t.teardown(work));
  await page.goto(`${base}/publish?token=abc`);
  await page.getByRole('heading', { name: 'Camera, screen or microphone' }).waitFor();
  await shoot(page, 'publish-start');
  await start(page);
  await page.getByText('Give the stream a name.').waitFor();
  await page.getByLabel('Stream name').fill('my stream');
  await page.getByText('White space is not allowed in a name.').waitFor();
  await shoot(page, 'publish-name');
  await page.getByLabel('Stream name').fill('front/door');
  t.false(await page.locator('#name-fault').isVisible());
  await page.getByRole('button', { name: 'Show the preview' }).click();
  await page.locator('#preview').waitFor();
  t.deepEqual(media.requests, [], 'a preview sends nothing');
  await page.locator('#codec').selectOption('VP8');
  await start(page);
  await stateIs(page, 'live');
  t.is(new URL(page.url()).searchParams.get('name'), 'front/door');
  await until(async () => (await media.framesReceived()) > 25, 'the server gets pictures');
  await page.locator('#fact-codec').getByText(/VP8/).waitFor();
  await page.locator('#fact-protocol').getByText('WebRTC over UDP').waitFor();
  await page.locator('#fact-bitrate').getByText(/bit\/s/).waitFor();
  await page.getByRole('button', { name: 'Mute sound' }).click();
  t.is(await page.getByRole('button', { name: 'Mute sound' }).getAttribute('aria-pressed'), 'true');
  await shoot(page, 'publish-live');
  const [offer] = media.requests;
  t.is(offer?.path, '/whip/front%2Fdoor');
  t.is(offer?.headers.authorization, 'Bearer abc');
  t.is(await page.getByRole('link', { name: 'Watch it in the player' }).getAttribute('href'), '/player?name=front%2Fdoor');
  await page.getByRole('button', { name: 'Stop publishing' }).click();
  await stateIs(page, 'not publishing');
  await until(() => media.asked('DELETE').length === 1, 'the session is ended');
  t.true(await page.locator('#preview').isVisible());
  t.deepEqual(complaints, []);
});

test.serial('A publisher that goes live changes its camera and bitrate without a new session, and leaves none behind', async (t) => {
  const { base, page, complaints, media } = await setUp((work) => t.teardown(work), { flags: [...WEBRTC_FLAGS, '--use-fake-device-for-media-stream=device-count=3'] });
  await page.goto(`${base}/publish?name=studio`);
  await start(page);
  await stateIs(page, 'live');
  // The browser's second camera gives depth instead of pictures.
  const cameras = await page.locator('#picture option').allTextContents();
  await page.locator('#picture').selectOption({ label: cameras.find((label) => /fake_device_2/.test(label)) ?? '' });
  await page.locator('#bitrate').selectOption('500000');
  await page.locator('#height').selectOption('360');
  await until(() => page.evaluate<boolean>("document.getElementById('preview').videoHeight === 360"), 'the smaller picture');
  const before = await media.framesReceived();
  await until(async () => (await media.framesReceived()) > before + 25, 'pictures go on');
  await page.locator('#sound').selectOption('none');
  await page.getByRole('button', { name: 'Mute sound', disabled: true }).waitFor();
  t.is(media.asked('POST').length, 1);
  await page.goto('about:blank');
  await until(() => media.asked('DELETE').length === 1, 'the session is ended');
  t.deepEqual(complaints, []);
});

test.serial('The publishing page tells every refusal in words', async (t) => {
  const { base, page, complaints, media } = await setUp((work) => t.teardown(work));
  await page.goto(`${base}/publish?name=studio`);
  const expectRefusal = async (text: RegExp) => {
    await start(page);
    await page.getByRole('alert').getByText(text).waitFor();
    await stateIs(page, 'stopped');
  };
  media.refusal = () => problem(409, 'Stream name is already in use', 'MEDIA_E_NAME_IN_USE');
  await expectRefusal(/Somebody else publishes studio already\. Choose another name\./);
  await shoot(page, 'publish-taken');
  media.refusal = () => problem(401, 'No.', 'ACCESS_E_CREDENTIALS');
  await expectRefusal(/The server doesn't let you publish studio\. It may want a token/);
  media.refusal = () => ({ status: 404, body: '{"error":{"code":"OPERATION_E_UNKNOWN","message":"There is nothing at /whip/studio."}}' });
  await expectRefusal(/the plugin webrtc is off/);
  media.refusal = () => problem(422, 'No common codecs', 'MEDIA_E_NO_COMMON_CODEC');
  await expectRefusal(/No common codecs\./);
  media.refusal = undefined;
  media.silent = true;
  await expectRefusal(/didn't answer within 5 s/);
  t.deepEqual(complaints, []);
});

test.serial('A lost connection is made again until the server is back', async (t) => {
  const { base, page, complaints, media } = await setUp((work) => t.teardown(work));
  // The loss is told by the browser after half a minute; here at once.
  await page.addInitScript(`{
    const Peer = RTCPeerConnection;
    globalThis.RTCPeerConnection = class extends Peer {
      constructor(...options) {
        super(...options);
        globalThis.lose = () => {
          Object.defineProperty(this, 'connectionState', { value: 'failed' });
          this.dispatchEvent(new Event('connectionstatechange'));
        };
      }
    };
  }`);
  await page.goto(`${base}/publish?name=studio`);
  await start(page);
  await stateIs(page, 'live');
  media.refusal = () => problem(503, 'The server is stopping.');
  await page.evaluate('lose()');
  await stateIs(page, 'reconnecting');
  await page.getByText('The connection to the server is lost.').waitFor();
  await until(() => media.asked('POST').length > 2, 'it is tried again');
  await shoot(page, 'publish-lost');
  media.refusal = undefined;
  await stateIs(page, 'live');
  t.deepEqual(complaints, []);
});

test.serial('The publishing page says why it has no camera', async (t) => {
  const { base, page, complaints } = await setUp((work) => t.teardown(work), { flags: [] });
  const failWith = (name: string) => page.addInitScript(`navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('No.', '${name}'))`);
  for (const [name, headline] of [
    ['NotAllowedError', /keeps the .* from this page/],
    ['NotFoundError', /There is no /],
    ['NotReadableError', /can't be used/],
  ] as const) {
    await failWith(name);
    await page.addInitScript("navigator.mediaDevices.enumerateDevices = () => Promise.resolve([{ kind: 'videoinput', deviceId: '', label: '' }, { kind: 'audioinput', deviceId: '', label: '' }])");
    await page.goto(`${base}/publish?name=studio`);
    await start(page);
    await page.getByRole('heading', { name: headline }).waitFor();
    await stateIs(page, 'not publishing');
  }
  await shoot(page, 'publish-no-camera');
  t.deepEqual(complaints, []);
});

test.serial('Without encryption the publishing page offers its encrypted address', async (t) => {
  const { base, tlsPort, page, complaints } = await setUp((work) => t.teardown(work), { tls: true, flags: ['--host-resolver-rules=MAP media.example 127.0.0.1'], colorScheme: 'dark' });
  await page.goto(`${base.replace('127.0.0.1', 'media.example')}/publish?name=studio`);
  await page.getByRole('heading', { name: "This page can't use the camera here" }).waitFor();
  t.is(await page.getByRole('link', { name: 'Open this page encrypted' }).getAttribute('href'), `https://media.example:${tlsPort}/publish?name=studio`);
  t.true(await page.getByRole('button', { name: 'Start publishing' }).isDisabled());
  await shoot(page, 'publish-insecure-dark');
  t.deepEqual(complaints, []);
});

test.serial('The publishing page is legible in the dark and on a narrow screen', async (t) => {
  const { base, page, complaints } = await setUp((work) => t.teardown(work), { colorScheme: 'dark' });
  await page.goto(`${base}/publish?name=studio`);
  await start(page);
  await stateIs(page, 'live');
  await page.locator('#fact-bitrate').getByText(/bit\/s/).waitFor();
  await shoot(page, 'publish-live-dark');
  await page.setViewportSize({ width: 390, height: 800 });
  await shoot(page, 'publish-live-narrow');
  t.is(await page.evaluate<number>('document.documentElement.scrollWidth'), 390, 'the page does not scroll sideways');
  t.deepEqual(complaints, []);
});
