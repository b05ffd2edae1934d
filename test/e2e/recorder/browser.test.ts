import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { MediaFrame } from '../../../core/media/frame.ts';
import { lookAt } from '../../support/colour-clips.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { probePackets } from '../../support/ffmpeg.ts';
import { mediaFolder } from '../../support/media-folder.ts';
import { peerTest } from '../../support/peers.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { PeerBrowser, type HttpOutcome, type PeerPage } from '../../support/webrtc-page.ts';

const RECORDED_S = 2;

async function withSdk(browser: PeerBrowser, server: BrowserServer, options: Readonly<Record<string, unknown>> = {}): Promise<PeerPage> {
  const page = await browser.open('web-sdk', options);
  const { status } = await page.call<{ status: string }>('webSdk.connect', server.webSocketUrl);
  if (status !== 'ESTABLISHED') throw new Error(`The session is ${status}`);
  return page;
}

/** How much longer the pictures of a file, or of a stream, go on than its sound, in seconds: a busy browser stops to encode first. */
type Lead = number;

/** A file of picture and sound with no packet out of order, which ends where the stream has ended. */
async function isSoundRecording(t: ExecutionContext, file: string, codecs: readonly [video: string, audio: string], streamLead: Lead): Promise<void> {
  const { streams, packets } = await probePackets(file);
  const [video, audio] = codecs.map((codec) => {
    const index = streams.findIndex(({ codec_name }) => codec_name === codec);
    const [rate = 1, scale = 1] = streams[index]?.time_base.split('/').map(Number) ?? [];
    const times = packets.filter(({ stream_index }) => stream_index === index).map(({ dts }) => (dts * rate) / scale);
    t.true(times.length > 20, `${times.length} packets of ${codec}`);
    t.true(times.slice(1).every((time, at) => time >= times[at]!), 'in order');
    t.true(times.at(-1)! - times[0]! > RECORDED_S - 1, `${codec} from ${times[0]} to ${times.at(-1)}`);
    return { from: times[0]!, to: times.at(-1)! };
  });
  t.is(streams.length, 2);
  t.true(Math.abs(video!.from - audio!.from) < 1, 'they begin together');
  t.true(Math.abs(video!.to - audio!.to - streamLead) < 0.2, JSON.stringify([video, audio, streamLead]));
}

/** Waits until a stream has run for a while, by its own clock; the answer tells how it went on from there. */
async function runsFor(server: BrowserServer, name: string, seconds: number): Promise<() => Lead> {
  await server.streamIsLive(name);
  const stream = server.kernel.kernel.parts.media.find(name)!;
  const firstUs = { video: Infinity, audio: Infinity, data: Infinity };
  const lastUs = { video: 0, audio: 0, data: 0 };
  const onFrame = ({ track: { kind }, dtsUs }: MediaFrame): void => {
    firstUs[kind] = Math.min(firstUs[kind], dtsUs);
    lastUs[kind] = dtsUs;
  };
  stream.subscribe({ plane: 'frames', label: 'test', sink: { onTracks: () => undefined, onFrame, onEnd: () => undefined } });
  await until(() => (['video', 'audio'] as const).every((kind) => lastUs[kind] - firstUs[kind] > seconds * 1e6), `${seconds} s of ${name}`, 40_000);
  return () => (lastUs.video - lastUs.audio) / 1e6;
}

peerTest('what Chromium publishes by the Web SDK and by WHIP is recorded and pictured, and a file plays over MSE', ['chromium', 'ffmpeg', 'ffprobe'], async (t) => {
  t.timeout(90_000);
  const folder = temporaryFolder(t);
  const server = await startBrowserServer(t, { plugins: { recorder: { folder, nameTemplate: '{streamName}-{videoCodec}' }, snapshots: {}, vod: { folder: mediaFolder } } });
  const browser = await PeerBrowser.start(t);

  const sdkPublisher = async (): Promise<void> => {
    const page = await withSdk(browser, server);
    await page.call('webSdk.publish', 'sdk', { record: true, stripCodecs: 'VP8,VP9,AV1' });
    await page.logged(/^stream sdk PUBLISHING/, 'webSdk.log', 40_000);
    const [picture, lead] = await Promise.all([page.call<string>('webSdk.snapshot', 'sdk'), runsFor(server, 'sdk', RECORDED_S)]);
    const png = Buffer.from(picture, 'base64');
    t.is(png.toString('latin1', 1, 4), 'PNG', picture.slice(0, 100));
    t.like(lookAt(png), { width: 640, height: 360 });
    await page.call('webSdk.stop', 'sdk');
    await page.logged(/^stream sdk UNPUBLISHED/, 'webSdk.log', 20_000);
    const name = await until(() => page.call<string | undefined>('webSdk.recordInfo', 'sdk'), 'the name of the file');
    t.is(name, 'sdk-h264.mp4');
    await isSoundRecording(t, join(folder, name), ['h264', 'opus'], lead());
  };

  const whipPublisher = async (): Promise<void> => {
    const recorded = new Promise<string>((resolve) => {
      server.kernel.kernel.parts.media.on('recordingEnded', ({ recording, end }) => {
        if (recording.streamName === 'whip') resolve(end.error ?? recording.file);
      });
    });
    const page = await browser.open('whip-whep');
    t.is((await page.call<HttpOutcome>('whipWhep.publish', `${server.whip('whip')}?record=true`, { codec: 'VP8' })).status, 201);
    const lead = await runsFor(server, 'whip', RECORDED_S);
    t.is(await page.call('whipWhep.stop'), 200);
    t.is(await recorded, 'whip-vp8.webm');
    await isSoundRecording(t, join(folder, 'whip-vp8.webm'), ['vp8', 'opus'], lead());
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
