import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { lookAt } from '../../support/colour-clips.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { probePackets } from '../../support/recordings.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome, type PeerPage } from '../../support/webrtc-page.ts';

const RECORDED_S = 2;

async function withSdk(browser: PeerBrowser, server: BrowserServer, options: Readonly<Record<string, unknown>> = {}): Promise<PeerPage> {
  const page = await browser.open('web-sdk', options);
  const { status } = await page.call<{ status: string }>('webSdk.connect', server.webSocketUrl);
  if (status !== 'ESTABLISHED') throw new Error(`The session is ${status}`);
  return page;
}

/** A file of picture and sound together, with no packet out of order. */
async function isSoundRecording(t: ExecutionContext, file: string, codecs: readonly string[]): Promise<void> {
  const { streams, packets } = await probePackets(t, file);
  t.deepEqual(streams.map(({ codec_name }) => codec_name).sort(), [...codecs].sort());
  const spans = streams.map(({ time_base }, index) => {
    const [rate = 1, scale = 1] = time_base.split('/').map(Number);
    const times = packets.filter(({ stream_index }) => stream_index === index).map(({ dts }) => (dts * rate) / scale);
    t.true(times.length > 20, `${times.length} packets of ${codecs[index]}`);
    t.true(times.slice(1).every((time, at) => time >= times[at]!), 'in order');
    return { from: times[0]!, to: times.at(-1)! };
  });
  for (const { from, to } of spans) {
    t.true(to - from > RECORDED_S - 1, `${to - from} s`);
    t.true(Math.abs(from - spans[0]!.from) < 0.5 && Math.abs(to - spans[0]!.to) < 0.5, JSON.stringify(spans));
  }
}

/** Waits until a stream has run for a while, by its own clock. */
async function runsFor(server: BrowserServer, name: string, seconds: number): Promise<void> {
  await server.streamIsLive(name);
  const stream = server.kernel.kernel.parts.media.find(name)!;
  let [first, last] = [Infinity, -Infinity];
  const subscription = stream.subscribe({
    plane: 'frames',
    label: 'test',
    sink: { onTracks: () => undefined, onFrame: ({ dtsUs }) => void ([first, last] = [Math.min(first, dtsUs), Math.max(last, dtsUs)]), onEnd: () => undefined },
  });
  await until(() => last - first > seconds * 1e6, `${seconds} s of ${name}`, 40_000);
  subscription.close();
}

peerTest('what Chromium publishes by the Web SDK and by WHIP is recorded and pictured, and a file plays over MSE', ['chromium', 'ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(90_000);
  const folder = mkdtempSync(join(tmpdir(), 'recordings-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const server = await startBrowserServer(t, { plugins: { recorder: { folder, nameTemplate: '{streamName}-{videoCodec}' }, snapshots: {}, vod: { folder: mediaFolder } } });
  const browser = await PeerBrowser.start(t);

  const sdkPublisher = async (): Promise<void> => {
    const page = await withSdk(browser, server);
    await page.call('webSdk.publish', 'sdk', { record: true, stripCodecs: 'VP8,VP9,AV1' });
    await page.logged(/^stream sdk PUBLISHING/, 'webSdk.log', 40_000);
    const [picture] = await Promise.all([page.call<string>('webSdk.snapshot', 'sdk'), runsFor(server, 'sdk', RECORDED_S)]);
    const png = Buffer.from(picture, 'base64');
    t.is(png.toString('latin1', 1, 4), 'PNG', picture.slice(0, 100));
    t.like(lookAt(png), { width: 640, height: 360 });
    await page.call('webSdk.stop', 'sdk');
    await page.logged(/^stream sdk UNPUBLISHED/, 'webSdk.log', 20_000);
    const name = await until(() => page.call<string | undefined>('webSdk.recordInfo', 'sdk'), 'the name of the file');
    t.is(name, 'sdk-h264.mp4');
    await isSoundRecording(t, join(folder, name), ['h264', 'opus']);
  };

  const whipPublisher = async (): Promise<void> => {
    const recorded = new Promise<string>((resolve) => {
      server.kernel.kernel.parts.media.on('recordingEnded', ({ recording, end }) => {
        if (recording.streamName === 'whip') resolve(end.error ?? recording.file);
      });
    });
    const page = await browser.open('whip-whep');
    t.is((await page.call<HttpOutcome>('whipWhep.publish', `${server.whip('whip')}?record=true`, { codec: 'VP8' })).status, 201);
    await runsFor(server, 'whip', RECORDED_S);
    t.is(await page.call('whipWhep.stop'), 200);
    t.is(await recorded, 'whip-vp8.webm');
    await isSoundRecording(t, join(folder, 'whip-vp8.webm'), ['vp8', 'opus']);
  };

  const filePlayer = async (): Promise<void> => {
    const page = await withSdk(browser, server, { preferredMediaProviders: ['MSE'] });
    await page.call('webSdk.play', 'vod://small.mp4', { mediaProvider: 'MSE' });
    await page.logged(/^stream vod:\/\/small\.mp4 PLAYING/, 'webSdk.log', 40_000);
    // Chromium decodes no pictures of a page behind another.
    await page.page.bringToFront();
    const playback = await until(async () => {
      const state = await page.read<{ currentTime: number; frames: number; width: number } | null>('webSdk.playback() ?? null');
      return state !== null && state.frames >= 45 ? state : undefined;
    }, '45 pictures', 40_000);
    t.like(playback, { width: 640 });
    await page.call('webSdk.stop', 'vod://small.mp4');
    const copies = (): number => server.kernel.kernel.parts.media.streams().filter(({ name }) => name.startsWith('vod://')).length;
    await until(() => copies() === 0, 'the end of the copy', 15_000);
  };

  await Promise.all([sdkPublisher(), whipPublisher(), filePlayer()]);
  for (const name of ['recorder', 'snapshots', 'vod', 'websocket']) t.is(server.kernel.kernel.host.slot(name).faultsSeen, 0, name);
});
