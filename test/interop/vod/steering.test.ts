import test, { type ExecutionContext } from 'ava';
import { parseVideoBody } from '../../../core/formats/flv.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { until } from '../../support/until.ts';
import { openVodServer, type VodServer } from '../../support/vod-server.ts';

let server: VodServer;

// One server, and all tests at the same time: they wait for pictures at the pace of the clips.
test.before(async () => {
  server = await openVodServer();
  for (const clip of ['avc.mp4', 'avc-bframes.mp4']) server.add(clip);
});

test.after.always(() => server.stop());

test.after('no plugin was at fault', (t) => {
  t.is(server.kernel.kernel.host.slot('vod').faultsSeen + server.kernel.kernel.host.slot('rtmp').faultsSeen, 0);
});

interface Picture {
  readonly timeMs: number;
  readonly key: boolean;
}

/** The pictures that a player was sent from one of its messages on. */
function pictures(client: RtmpClient, from = 0): Picture[] {
  return client.messages.slice(from).filter(({ type }) => type === 9).flatMap(({ timestampMs, payload }) => {
    const [packet] = parseVideoBody(payload);
    return packet?.packet === 'frame' ? [{ timeMs: timestampMs, key: packet.key }] : [];
  });
}

async function play(t: ExecutionContext, name: string, start?: number): Promise<{ client: RtmpClient; streamId: number }> {
  const client = new RtmpClient(server.rtmpPort);
  t.teardown(() => client.close());
  await client.connect();
  const streamId = await client.createStream();
  client.call(streamId, 'play', null, name, ...(start === undefined ? [] : [start]));
  await client.status('NetStream.Play.Start');
  await until(() => pictures(client).length > 0, 'the first picture');
  return { client, streamId };
}

const count = (client: RtmpClient, code: string): number => client.codes.filter((each) => each === code).length;

test('a player pauses its copy and goes on with exactly the next picture, while another plays the same file undisturbed', async (t) => {
  t.timeout(30_000);
  const [one, other] = await Promise.all([play(t, 'vod://avc.mp4'), play(t, 'vod://avc.mp4')]);
  t.is(pictures(one.client)[0]?.timeMs, pictures(other.client)[0]?.timeMs);
  await until(() => pictures(one.client).length > 20, 'pictures');
  one.client.call(one.streamId, 'pause', null, true, 0);
  await one.client.status('NetStream.Pause.Notify');
  const standing = pictures(one.client).length;
  const running = pictures(other.client).length;
  await until(() => pictures(other.client).length > running + 30, 'a second of the other');
  t.is(pictures(one.client).length, standing, 'nothing comes while it stands');
  one.client.call(one.streamId, 'pause', null, false, 0);
  await one.client.status('NetStream.Unpause.Notify');
  await until(() => pictures(one.client).length > standing + 20, 'pictures again');
  const times = pictures(one.client).map(({ timeMs }) => timeMs);
  const steps = times.slice(1).map((time, index) => time - times[index]!);
  t.true(steps.every((step) => step === 33 || step === 34), JSON.stringify(steps));
});

test('a player goes forwards, back, to the start and beyond the end, and is told positions of the file', async (t) => {
  t.timeout(60_000);
  const { client, streamId } = await play(t, 'vod://avc-bframes.mp4');
  let seeks = 0;
  for (const [wantedMs, keyMs] of [[10_500, 10_000], [3_000, 3_000], [0, 0], [15_999, 15_000], [14_000, 14_000]] as const) {
    const from = client.messages.length;
    client.call(streamId, 'seek', null, wantedMs);
    seeks += 1;
    await until(() => count(client, 'NetStream.Seek.Notify') === seeks, `seek to ${wantedMs}`);
    const notified = client.messages.findLastIndex(({ type }) => type === 20);
    await until(() => pictures(client, notified).length > 10, 'pictures from there');
    const [first] = pictures(client, notified);
    t.true(first!.key);
    // Positions count from where decoding begins, which is up to three pictures before the first one is shown.
    t.true(first!.timeMs - keyMs >= 0 && first!.timeMs - keyMs <= 110, `${wantedMs}: first picture at ${first!.timeMs}`);
    t.true(notified >= from);
  }
  client.call(streamId, 'seek', null, 1e9);
  await client.status('NetStream.Play.UnpublishNotify');
  t.true(Math.max(...pictures(client).map(({ timeMs }) => timeMs)) >= 19_900);
});

test('a paused player that seeks goes on from there, and one that starts at a position begins at its key frame', async (t) => {
  t.timeout(30_000);
  const { client, streamId } = await play(t, 'vod://avc.mp4', 5400);
  t.true(Math.abs(pictures(client)[0]!.timeMs - 5000) < 60, `${pictures(client)[0]!.timeMs}`);
  client.call(streamId, 'pause', null, true, 0);
  await client.status('NetStream.Pause.Notify');
  const before = pictures(client).length;
  client.call(streamId, 'seek', null, 12_000);
  await client.status('NetStream.Seek.Notify');
  const beside = await play(t, 'vod://avc.mp4');
  await until(() => pictures(beside.client).length > 15, 'half a second of another');
  t.is(pictures(client).length, before, 'it still stands');
  client.call(streamId, 'pause', null, false, 0);
  await until(() => pictures(client).length > before + 3, 'pictures');
  t.true(Math.abs(pictures(client)[before]!.timeMs - 12_000) < 60);
});

test('of two seeks the second counts, at whatever moment of the first it comes', async (t) => {
  server.add('avc.mp4', 'twice.mp4');
  await play(t, 'vod://twice.mp4');
  const stream = server.kernel.kernel.parts.media.streams().find(({ name }) => name.startsWith('vod://twice.mp4'));
  const { playback } = stream!;
  for (let turns = 0; turns < 12; turns++) {
    const first = playback!.seek(16_000_000);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    const foundUs = await playback!.seek(2_000_000);
    await first;
    t.true(foundUs <= 2_000_000, `${foundUs} us when it came ${turns} turns later`);
  }
});

test('a copy ends when its player leaves, and a storm of seeks ends well', async (t) => {
  t.timeout(30_000);
  server.add('avc.mp4', 'storm.mp4');
  const { client, streamId } = await play(t, 'vod://storm.mp4');
  const { media, sessions } = server.kernel.kernel.parts;
  const played = (): number => [...media.streams().map(({ name }) => name), ...sessions.list({ protocol: 'vod' }).map(({ streamName }) => streamName)].filter((name) => name?.startsWith('vod://storm.mp4')).length;
  t.is(played(), 2, 'a stream and its session');
  for (let seek = 1; seek < 500; seek += 1) client.call(streamId, 'seek', null, (seek * 7919) % 19_000);
  client.call(streamId, 'seek', null, 2000);
  await until(() => count(client, 'NetStream.Seek.Notify') === 500, 'all answers');
  const from = client.messages.length;
  await until(() => pictures(client, from).length > 10, 'pictures after the storm');
  const { timeMs } = pictures(client, from)[0]!;
  // Where the one before it went to is 16 s further on.
  t.true(timeMs >= 1900 && timeMs < 8000, `${timeMs} ms, after the last seek to 2000`);
  client.close();
  await until(() => played() === 0, 'the end of the copy', 20_000);
});
