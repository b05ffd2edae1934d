import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { aacLcConfig, encodeAdtsHeader, parseAudioSpecificConfig } from '../../../core/formats/aac.ts';
import { encodeAudioBody, parseAudioBody } from '../../../core/formats/flv.ts';
import { encodeOpusHead, parseOpusHead } from '../../../core/formats/opus.ts';
import type { RtmpMessage } from '../../../plugins/rtmp/wire/message.ts';
import { FakeRtmpServer } from '../../support/fake-rtmp-server.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { numberedPicture, numberedSound, pictureNumbers, realConfigs, soundNumbers } from '../../support/rtmp-media.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

interface Row {
  readonly mediaSessionId: string;
  readonly muted: boolean;
  readonly soundEnabled: boolean;
}

const configs = realConfigs();
const soundFolder = join(temporaryFolder(), 'media');
let server: TestKernel;
let port: number;

test.before(async () => {
  [port = 0] = await freePorts(1);
  mkdirSync(soundFolder);
  const config = aacLcConfig(32_000, 1);
  writeFileSync(join(soundFolder, 'tone.aac'), Buffer.concat(Array.from({ length: 4 }, (_, index) => [encodeAdtsHeader(config, 1), Uint8Array.of(index)]).flat()));
  server = await startTestKernel({ config: { network: { host: '127.0.0.1', allowedTargets: ['127.0.0.1'] } }, plugins: { rtmp: { port, playWaitMs: 0, client: { soundFolder, reconnectMinMs: 100 } } } });
});
test.after.always(() => server.stop());

/** A publisher of numbered pictures and sounds. */
class Source {
  readonly client = new RtmpClient(port);
  number = 0;
  #streamId = 0;

  static async start(t: ExecutionContext, name: string, soundConfig = configs.audio): Promise<Source> {
    const source = new Source();
    t.teardown(() => source.client.close());
    source.#streamId = await source.client.publish(name);
    source.#send({ type: 9, streamId: source.#streamId, timestampMs: 0, payload: configs.video });
    source.#send({ type: 8, streamId: source.#streamId, timestampMs: 0, payload: soundConfig });
    await until(() => server.kernel.parts.media.find(name)?.tracks.length === 2, 'tracks');
    return source;
  }

  /** Sends this many pictures, each with its sound. */
  send(count: number, sound = (number: number): RtmpMessage => numberedSound(this.#streamId, number)): void {
    for (const end = this.number + count; this.number < end; this.number++) {
      this.#send(numberedPicture(this.#streamId, this.number, this.number % 10 === 0));
      this.#send(sound(this.number));
    }
  }

  end(): void {
    this.client.call(0, 'deleteStream', null, this.#streamId);
  }

  #send(message: RtmpMessage): void {
    this.client.send(message);
  }
}

const startup = async (streamName: string, rtmpUrl: string, more = {}): Promise<Row> => (await server.call('push.startup', { streamName, rtmpUrl, ...more })) as Row;
const rowOf = async ({ mediaSessionId }: Row): Promise<Row | undefined> => ((await server.call('push.find_all')) as Row[]).find((row) => row.mediaSessionId === mediaSessionId);

test.serial('a push begins at time 0 with headers and the cached pictures, names itself as it is told, and ends with its stream', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const source = await Source.start(t, 'plain');
  source.send(25);
  await until(() => server.kernel.parts.media.find('plain')?.cachedGop.length === 10, 'the cached pictures');
  const options = { note: 'kept' };
  const row = await startup('plain', fake.url('live/key?a=1'), { rtmpTransponderFullUrl: 'true', rtmpFlashVersion: 'Mine/1.0', options });
  t.like(row, { streamName: 'key?a=1', localStreamName: 'plain', rtmpUrl: fake.url('live/key?a=1'), options, status: 'CONNECTED' });
  const peer = await fake.peer();
  source.send(3);
  await until(() => pictureNumbers(peer.messages).includes(27), 'the pictures');
  t.deepEqual(pictureNumbers(peer.messages), [20, 21, 22, 23, 24, 25, 26, 27]);
  t.deepEqual(soundNumbers(peer.messages), [20, 21, 22, 23, 24, 25, 26, 27]);
  t.is(peer.messages.find(({ type, payload }) => type === 9 && payload[1] === 1)?.timestampMs, 0);
  t.like(peer.commands[0], { name: 'connect', object: { app: 'live', flashVer: 'Mine/1.0' } });
  t.like(peer.commands.find(({ name }) => name === 'publish'), { args: ['key?a=1', 'live'] });
  await t.throwsAsync(startup('plain', fake.url('live/key?a=1'), { rtmpTransponderFullUrl: true }), { code: 'OPERATION_E_CONFLICT' });
  t.is(((await server.call('push.find', { rtmpUrl: fake.url('live/key?a=1') })) as Row[]).length, 1);
  t.is(((await server.call('push.find', { streamName: 'plain' })) as Row[]).length, 1);
  await t.throwsAsync(server.call('push.find', { streamName: 'other' }), { code: 'OPERATION_E_EMPTY' });
  source.end();
  await until(() => peer.closed, 'the end');
  t.is(await server.call('push.find_all').catch(() => 'none'), 'none');
});

test.serial('a push that lost its connection goes on with headers and a key frame, while players notice nothing', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const source = await Source.start(t, 'broken');
  const player = new RtmpClient(port);
  t.teardown(() => player.close());
  source.send(5);
  await player.play('broken');
  const row = await startup('broken', fake.url('live'));
  (await fake.peer(0)).socket.destroy();
  source.send(20);
  const second = await fake.peer(1);
  await until(() => pictureNumbers(second.messages).length > 0, 'pictures of the second connection');
  source.send(5);
  await until(() => pictureNumbers(second.messages).includes(29), 'the last picture');
  t.is(pictureNumbers(second.messages)[0], 20);
  t.deepEqual(second.messages.slice(0, 12).filter(({ type }) => type === 18 || type === 9).slice(0, 2).map(({ type, payload }) => [type, payload[1]]), [[18, 0], [9, 0]], 'metadata, then the configuration');
  await until(() => pictureNumbers(player.messages).length === 30, 'the player');
  t.like(await rowOf(row), { status: 'CONNECTED' });
  await server.call('push.terminate', row);
});

test.serial('mute sends silence at the same times, and a file is heard in place of the stream until it is taken off', async (t) => {
  const fake = await FakeRtmpServer.start(t);
  const source = await Source.start(t, 'heard');
  source.send(1);
  const row = await startup('heard', fake.url('live'));
  const peer = await fake.peer();
  const sounds = () => peer.messages.filter(({ type }) => type === 8).flatMap(({ payload }) => parseAudioBody(payload));
  const step = async (count: number): Promise<void> => {
    source.send(count);
    await until(() => pictureNumbers(peer.messages).includes(source.number - 1), 'the pictures');
  };
  await server.call('push.mute', row);
  t.like(await rowOf(row), { muted: true, soundEnabled: false });
  await step(3);
  await until(() => sounds().length === 5, 'the silence');
  t.true(sounds().slice(2).every((packet) => packet.packet === 'frame' && packet.data.length < 10));
  t.deepEqual(peer.messages.filter(({ type }) => type === 8).slice(2).map(({ timestampMs }) => timestampMs), [43, 83, 123]);
  await server.call('push.sound_on', { ...row, soundFile: 'tone.aac', loop: 'true' });
  t.like(await rowOf(row), { muted: true, soundEnabled: true });
  await step(5);
  await until(() => sounds().length >= 5 + 1 + 6, 'the file');
  const [config, ...frames] = sounds().slice(5);
  t.is(config?.packet === 'config' ? parseAudioSpecificConfig(config.data).sampleRateHz : 0, 32_000);
  t.deepEqual(frames.slice(0, 6).map((packet) => (packet.packet === 'frame' ? packet.data[0] : undefined)), [0, 1, 2, 3, 0, 1]);
  await server.call('push.unmute', row);
  const before = sounds().length;
  await server.call('push.sound_off', row);
  await step(2);
  await until(() => sounds().length === before + 3, 'the sound of the stream');
  const [again, ...own] = sounds().slice(before);
  t.is(again?.packet, 'config');
  t.true(own.every((packet) => packet.packet === 'frame' && packet.data.length > 30));
  t.like(await rowOf(row), { muted: false, soundEnabled: false });
  await t.throwsAsync(server.call('push.sound_on', { ...row, soundFile: '../secret.aac' }), { code: 'ACCESS_E_REFUSED' });
  await t.throwsAsync(server.call('push.mute', { mediaSessionId: 'unknown' }), { code: 'SESSION_E_NOT_FOUND' });
  await server.call('push.terminate', row);
});

test.serial('a track that the other server does not announce is left out and named, and sent to one that does', async (t) => {
  const head = encodeAudioBody({ type: 'audio', packet: 'config', codec: 'opus', trackId: 0, timestampOffsetNs: 0, data: encodeOpusHead(parseOpusHead(Buffer.from('4f7075734865616401023801 80bb0000000000'.replace(' ', ''), 'hex'))) });
  const source = await Source.start(t, 'opus', Buffer.concat(head));
  const classic = await FakeRtmpServer.start(t);
  const enhanced = await FakeRtmpServer.start(t, { facts: { fourCcList: ['Opus'] } });
  source.send(1, () => opusMessage(1, 0));
  const left = await startup('opus', classic.url('live'));
  const taken = await startup('opus', enhanced.url('live'));
  source.send(3, (number) => opusMessage(1, number));
  const [one, other] = [await classic.peer(), await enhanced.peer()];
  await until(() => [one, other].every(({ messages }) => pictureNumbers(messages).includes(3)), 'the pictures');
  t.is(one.messages.filter(({ type }) => type === 8).length, 0);
  t.true(other.messages.filter(({ type }) => type === 8).length >= 4);
  t.like(await rowOf(left), { omitted: ['audio: opus'] });
  t.false('omitted' in ((await rowOf(taken)) ?? {}));
  await server.call('push.terminate', left);
  await server.call('push.terminate', taken);
});

function opusMessage(streamId: number, number: number): RtmpMessage {
  const body = encodeAudioBody({ type: 'audio', packet: 'frame', codec: 'opus', trackId: 0, timestampOffsetNs: 0, sound: undefined, data: Uint8Array.of(0x98, number) });
  return { type: 8, streamId, timestampMs: number * 40 + 3, payload: Buffer.concat(body) };
}
