import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { encodeAudioBody, encodeVideoBody, parseAudioBody, parseVideoBody, type FlvAudioPacket } from '../../../core/formats/flv.ts';
import { encodeOpusHead } from '../../../core/formats/opus.ts';
import type { MediaFrame } from '../../../core/media/frame.ts';
import type { Publication } from '../../../core/media/publication.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { FrameWriter } from '../../../plugins/rtmp/bridge/frame-writer.ts';
import { PublisherClock } from '../../../plugins/rtmp/bridge/publisher-clock.ts';
import { ToBus } from '../../../plugins/rtmp/bridge/to-bus.ts';
import { acceptanceOf, variantKey, type Variant } from '../../../plugins/rtmp/bridge/variant.ts';
import { OUT_CHUNK_BYTES } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { parseData } from '../../../plugins/rtmp/wire/command.ts';
import { setChunkSizeMessage } from '../../../plugins/rtmp/wire/control.ts';
import { encodeMessage } from '../../../plugins/rtmp/wire/chunk-writer.ts';
import { Recorder } from '../../support/rtmp-chunks.ts';
import { numberedPicture, numberedSound, realConfigs } from '../../support/rtmp-media.ts';

const configs = realConfigs();
const variant: Variant = { streamId: 1, audio: true, video: true, fourCcs: [], legacyHevc: true };
const enhanced: Variant = { ...variant, fourCcs: ['hvc1', 'av01', 'vp09', 'Opus'] };
const body = (parts: readonly Uint8Array[]) => Buffer.concat(parts);
const packet = { trackId: 0, timestampOffsetNs: 0 } as const;

/** A publication that keeps what it is given. */
function recording() {
  const frames: MediaFrame[] = [];
  const tracks: (readonly TrackDescriptor[])[] = [];
  const warnings: string[] = [];
  const publication = {
    stream: { name: 'test' },
    setTracks: (list: readonly TrackDescriptor[]) => void tracks.push(list),
    write: (frame: MediaFrame) => void frames.push(frame),
  } as unknown as Publication;
  const log = { warn: (message: string) => void warnings.push(message) } as unknown as ConstructorParameters<typeof ToBus>[1];
  return { frames, tracks, warnings, toBus: (state?: ConstructorParameters<typeof ToBus>[3]) => new ToBus(publication, log, () => 7, state) };
}

/** The messages in what a writer wrote. */
function read(bytes: Uint8Array) {
  return new Recorder().feed(encodeMessage(setChunkSizeMessage(OUT_CHUNK_BYTES)), bytes).messages;
}

function write(writer: FrameWriter, frame: MediaFrame) {
  const parts: Uint8Array[] = [];
  writer.frame(frame, { put: (bytes) => void parts.push(bytes) });
  return read(Buffer.concat(parts));
}

test('real H.264 and AAC configurations become tracks, announced together', (t) => {
  const { frames, tracks, toBus } = recording();
  const bus = toBus();
  bus.data(['@setDataFrame', 'onMetaData', { width: 9, height: 9, framerate: 25, videocodecid: 7, audiocodecid: 10 }]);
  bus.video(0, configs.video);
  bus.video(0, numberedPicture(1, 0, true).payload);
  t.deepEqual([tracks.length, frames.length], [0, 0]);
  bus.audio(0, configs.audio);
  t.is(frames.length, 1);
  t.like(tracks, [[{ id: 'video', codec: 'h264', frameRate: 25, revision: 0, clockRateHz: 90_000 }, { id: 'audio', codec: 'aac', revision: 0 }]]);
  t.true((tracks[0]?.[0]?.width ?? 0) > 9);
  bus.audio(23, numberedSound(1, 1).payload);
  t.like(frames[1], { ptsUs: 23_000, dtsUs: 23_000, key: true, receivedAtMs: 7 });
});

test('without metadata a single kind is announced after a while, and nothing that was held is lost', (t) => {
  const { frames, tracks, toBus } = recording();
  const bus = toBus();
  bus.video(0, configs.video);
  for (let number = 0; number < 20; number++) bus.video(number * 40, numberedPicture(1, number, number === 0).payload);
  t.is(tracks.length, 1);
  t.deepEqual(frames.map(({ dtsUs }) => dtsUs), Array.from({ length: 20 }, (_, number) => number * 40_000));
});

test('a changed configuration is a new revision, a repeated one is not', (t) => {
  const { tracks, toBus } = recording();
  const bus = toBus();
  bus.audio(0, configs.audio);
  bus.video(0, configs.video);
  bus.video(40, configs.video);
  t.is(tracks.length, 1);
  const changed = Buffer.from(configs.video);
  changed[5 + 2] = (changed[5 + 2] ?? 0) ^ 0x40;
  bus.video(80, changed);
  t.like(tracks[1]?.find(({ kind }) => kind === 'video'), { revision: 1 });
});

test('negative composition times keep their presentation times', (t) => {
  const { frames, toBus } = recording();
  const bus = toBus();
  bus.audio(0, configs.audio);
  bus.video(0, configs.video);
  const offsets = [0, 80, -40, -40, 0, 80, -40, -40];
  offsets.forEach((offset, number) => bus.video(number * 40, numberedPicture(1, number, number === 0, 50, offset).payload));
  t.deepEqual(frames.map(({ ptsUs }) => ptsUs), offsets.map((offset, number) => (number * 40 + offset) * 1000));
  t.true(frames.every(({ ptsUs, dtsUs }, index) => dtsUs <= ptsUs && dtsUs >= (frames[index - 1]?.dtsUs ?? -1)));
});

test('the 32-bit clock wraps and steps back a little', (t) => {
  const clock = new PublisherClock();
  t.deepEqual([0xffffff00, 0xffffffff, 0x10, 0xfffffff8, 0x30].map((time) => clock.unwrap(time)), [0xffffff00, 0xffffffff, 0x1_0000_0010, 0xfffffff8, 0x1_0000_0030]);
  const moved = new PublisherClock(structuredClone(clock.exportState()));
  t.is(moved.unwrap(0x40), 0x1_0000_0040);
});

test('a publisher goes on from its exported state, held frames included', (t) => {
  const first = recording();
  const bus = first.toBus();
  bus.video(0xffffffff, configs.video);
  bus.video(0xffffffff, numberedPicture(1, 0, true).payload);
  const second = recording();
  const next = second.toBus(structuredClone(bus.exportState()));
  next.audio(0, configs.audio);
  next.video(39, numberedPicture(1, 1, false).payload);
  t.deepEqual(second.frames.map(({ dtsUs }) => dtsUs), [0xffffffff * 1000, (0xffffffff + 40) * 1000]);
  t.is(first.frames.length, 0);
});

test('enhanced Opus, G.711, Speex and MP3 become tracks with their rates', (t) => {
  const cases: [FlvAudioPacket[], object][] = [
    [[{ ...packet, type: 'audio', codec: 'opus', packet: 'config', data: encodeOpusHead({ channels: 1, preSkip: 0, inputSampleRateHz: 48_000, outputGain: 0 }) }, { ...packet, type: 'audio', codec: 'opus', packet: 'frame', sound: undefined, data: Buffer.from([1]) }], { codec: 'opus', clockRateHz: 48_000, channels: 1 }],
    [[{ ...packet, type: 'audio', codec: 'pcma', packet: 'frame', sound: { sampleRateHz: 8000, bitsPerSample: 16, channels: 1 }, data: Buffer.alloc(160) }], { codec: 'pcma', clockRateHz: 8000, sampleRateHz: 8000, channels: 1 }],
    [[{ ...packet, type: 'audio', codec: 'speex', packet: 'frame', sound: { sampleRateHz: 16_000, bitsPerSample: 16, channels: 1 }, data: Buffer.alloc(40) }], { codec: 'speex', clockRateHz: 16_000, channels: 1 }],
    [[{ ...packet, type: 'audio', codec: 'mp3', packet: 'frame', sound: { sampleRateHz: 44_100, bitsPerSample: 16, channels: 2 }, data: Buffer.from('fffb9064', 'hex') }], { codec: 'mp3', sampleRateHz: 44_100, channels: 2 }],
  ];
  for (const [packets, expected] of cases) {
    const { tracks, frames, toBus } = recording();
    const bus = toBus();
    bus.video(0, configs.video);
    for (const one of packets) bus.audio(0, body(encodeAudioBody(one)));
    t.like(tracks[0]?.find(({ kind }) => kind === 'audio'), expected);
    t.is(frames.length, 1);
  }
});

test('codecs that nobody carries are left out with one warning, broken bodies are the peer\'s fault', (t) => {
  const { tracks, warnings, toBus } = recording();
  const bus = toBus();
  for (let i = 0; i < 3; i++) bus.audio(i, Buffer.from([0x32, 1, 2, 3]));
  for (let i = 0; i < 3; i++) bus.video(i, numberedPicture(1, i, true).payload);
  t.is(warnings.length, 2);
  t.deepEqual(tracks, []);
  t.throws(() => bus.video(0, Buffer.from([0x17, 0, 0, 0, 0, 1])), { instanceOf: ProtocolError });
  t.throws(() => bus.audio(0, Buffer.from([0xaf, 9])), { instanceOf: ProtocolError });
});

test('frames come out as they went in, with signed times and headers before them', (t) => {
  const { frames, tracks, toBus } = recording();
  const bus = toBus();
  bus.audio(0, configs.audio);
  bus.video(0, configs.video);
  bus.video(40, numberedPicture(1, 1, true, 70_000, 80).payload);
  bus.audio(41, numberedSound(1, 1).payload);
  const writer = new FrameWriter(variant);
  const [picture, sound] = frames.flatMap((frame) => write(writer, frame));
  t.like(picture, { type: 9, streamId: 1, timestampMs: 40 });
  t.deepEqual(Buffer.from(picture!.payload), Buffer.from(numberedPicture(1, 1, true, 70_000, 80).payload));
  t.deepEqual(Buffer.from(sound!.payload), Buffer.from(numberedSound(1, 1).payload));
  const [metadata, ...headers] = read(writer.headers(tracks[0]!, 0));
  t.is(parseData(metadata!)[0], 'onMetaData');
  t.deepEqual(headers.map(({ payload }) => Buffer.from(payload)).map((one) => one.toString('hex')).sort(), [configs.audio, configs.video].map((config) => Buffer.from(config).toString('hex')).sort());
});

test('HEVC goes out enhanced to players that announce it, under its unofficial number to others', (t) => {
  const track: TrackDescriptor = { id: 'video', kind: 'video', codec: 'hevc', clockRateHz: 90_000, revision: 0, codecConfig: Buffer.alloc(30) };
  const frame: MediaFrame = { track, ptsUs: 80_000, dtsUs: 40_000, key: true, data: Buffer.alloc(20), receivedAtMs: 0 };
  for (const [which, first] of [[variant, 0x1c], [enhanced, 0x91]] as const) {
    const [message] = write(new FrameWriter(which), frame);
    t.is(message?.payload[0], first);
    t.like(parseVideoBody(message!.payload)[0], { codec: 'h265', packet: 'frame', key: true, compositionTimeMs: 40 });
  }
});

test('AV1, VP9 and Opus go out in the enhanced form with their configurations', (t) => {
  const writer = new FrameWriter(enhanced);
  for (const codec of ['av1', 'vp9'] as const) {
    const track: TrackDescriptor = { id: 'video', kind: 'video', codec, clockRateHz: 90_000, revision: 0, codecConfig: Buffer.from([0x81, 0, 0, 0]) };
    const [message] = write(writer, { track, ptsUs: 0, dtsUs: 0, key: false, data: Buffer.from([5]), receivedAtMs: 0 });
    t.like(parseVideoBody(message!.payload)[0], { codec, packet: 'frame', key: false, data: Buffer.from([5]) });
    t.like(parseVideoBody(read(writer.headers([track], 0))[1]!.payload)[0], { codec, packet: 'config' });
  }
  const { tracks, toBus } = recording();
  const bus = toBus();
  bus.video(0, configs.video);
  bus.audio(0, body(encodeAudioBody({ ...packet, type: 'audio', codec: 'opus', packet: 'frame', sound: undefined, data: Buffer.from([1]) })));
  const opus = tracks[0]!.filter(({ kind }) => kind === 'audio');
  t.like(parseAudioBody(read(writer.headers(opus, 0))[1]!.payload)[0], { codec: 'opus', packet: 'config' });
});

test('what a variant takes depends on the player', (t) => {
  const codecs = (one: Variant) => acceptanceOf(one).flatMap((entry) => entry.codecs);
  t.true(codecs(variant).includes('hevc'));
  t.false(codecs({ ...variant, legacyHevc: false }).includes('hevc'));
  t.false(codecs(variant).includes('opus'));
  t.true(['hevc', 'av1', 'vp9', 'opus'].every((codec) => codecs(enhanced).some((one) => one === codec)));
  t.deepEqual(acceptanceOf({ ...variant, video: false }).map(({ kind }) => kind), ['audio']);
  t.not(variantKey(variant), variantKey(enhanced));
});

test('frames with lengths of two bytes are rewritten to four', (t) => {
  const { frames, tracks, toBus } = recording();
  const bus = toBus();
  const config = Buffer.from(configs.video);
  config[5 + 4] = (config[5 + 4]! & 0xfc) | 1;
  bus.audio(0, configs.audio);
  bus.video(0, config);
  bus.video(0, body(encodeVideoBody({ ...packet, type: 'video', codec: 'h264', packet: 'frame', key: true, disposable: false, compositionTimeMs: 0, data: Buffer.from([0, 2, 0x65, 1, 0, 1, 0x06]) })));
  t.deepEqual(Buffer.from(frames[0]!.data), Buffer.from([0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x06]));
  t.is(tracks[0]!.find(({ kind }) => kind === 'video')!.codecConfig![4]! & 3, 3);
});
