import test from 'ava';
import { RTP_AUDIO, RTP_VIDEO, FanoutStage, payloads } from '../../support/rtp-fanout.ts';
import { RecordingSink } from '../../support/media.ts';

const LARGE = { ...RTP_VIDEO, id: 'video:h', layerOf: 'video', width: 1280, height: 720 };
const SMALL = { ...RTP_VIDEO, id: 'video:l', layerOf: 'video', width: 320, height: 180 };
const PICTURE = { ...RTP_VIDEO, width: 1280, height: 720 };

/** A stage with a picture and two layers of it, and a viewer of the one that `wanted` names. */
function layeredStage(wanted: { id: string }) {
  const stage = new FanoutStage([PICTURE, RTP_AUDIO, LARGE, SMALL]);
  const offers: string[][] = [];
  const viewer = stage.add({
    map: (track, offered) => {
      offers.push(offered.map(({ id }) => id));
      if (track.kind === 'audio') return { ssrc: 2, payloadType: 111 };
      return track.id === wanted.id ? { ssrc: 1, payloadType: 96, rtx: { ssrc: 3, payloadType: 97 } } : undefined;
    },
  });
  return { stage, offers, ...viewer };
}

test('a reader that knows nothing of layers sees one picture, and the statistics count it once', (t) => {
  const { stage } = layeredStage({ id: 'video' });
  const { stream } = stage.publication;
  t.deepEqual(stream.tracks.map(({ id }) => id), ['video', 'audio']);
  const frames = new RecordingSink();
  const packets: string[] = [];
  stream.subscribe({ plane: 'frames', sink: frames, label: 'frames' });
  stream.subscribe({ plane: 'packets', label: 'packets', sink: { onTracks: (tracks) => packets.push(...tracks.map(({ id }) => id)), onPacket: ({ track }) => packets.push(track.id), onEnd: () => undefined } });
  for (const track of [PICTURE, LARGE, SMALL]) stage.frame(0, { key: true, packets: 1, track });
  t.deepEqual(packets, ['video', 'audio', 'video']);
  t.deepEqual(frames.log, ['tracks video:vp8,audio:opus']);
  t.is(stream.stats.frames, 1);
  t.deepEqual(stream.stats.layers.map(({ trackId, frames: count }) => [trackId, count]), [['video:h', 1], ['video:l', 1]]);
});

test('a layer that comes or goes changes nothing for readers that know nothing of layers', (t) => {
  const { stage } = layeredStage({ id: 'video' });
  const sink = new RecordingSink();
  stage.publication.stream.subscribe({ plane: 'frames', sink, label: 'frames' });
  stage.publication.setTracks([PICTURE, RTP_AUDIO, SMALL]);
  stage.publication.setTracks([PICTURE, RTP_AUDIO, LARGE, SMALL]);
  t.is(sink.log.length, 1);
});

test('a viewer changes its layer at a key frame, on one source whose numbers and times go on', (t) => {
  const wanted = { id: 'video:l' };
  const { stage, viewer, sender } = layeredStage(wanted);
  const frame = (ms: number, keys: string[] = []): void => {
    for (const track of [PICTURE, SMALL, LARGE]) stage.frame(ms, { packets: 2, track, key: keys.includes(track.id) });
  };
  frame(0, ['video', 'video:h', 'video:l']);
  frame(40);
  stage.keyFrameRequests.length = 0;
  stage.time.advance(1000);
  wanted.id = 'video:h';
  viewer.remap();
  t.deepEqual(stage.keyFrameRequests, ['video:h']);
  frame(80);
  frame(120, ['video:h']);
  frame(160);
  const sent = sender.of(1);
  t.deepEqual(payloads(sent), ['K0.0', 'K0.1', 'P40.0', 'P40.1', 'P80.0', 'P80.1', 'P120.0', 'P120.1', 'K120.0', 'K120.1', 'P160.0', 'P160.1']);
  t.deepEqual(new Set(sent.slice(1).map(({ extended }, index) => extended - sent[index]!.extended)), new Set([1]));
  const times = sent.map(({ timestamp }) => (timestamp - sent[0]!.timestamp) >>> 0);
  t.deepEqual(times, [0, 0, 3600, 3600, 7200, 7200, 10_800, 10_800, 11_700, 11_700, 15_300, 15_300], 'the same picture in two sizes has two times');
  viewer.onNack(1, [sent.at(-1)!.sequenceNumber]);
  t.is(sender.of(3).at(-1)?.timestamp, sent.at(-1)?.timestamp, 'also when it is sent again');
  stage.time.advance(1000);
  wanted.id = 'video:l';
  viewer.remap();
  frame(200, ['video:l']);
  t.is((sender.of(1).at(-1)!.timestamp - sent[0]!.timestamp) >>> 0, 18_000, 'the clock of the stream again, where that is later');
});

test('a viewer whose layer has gone is asked where to, and the next generation goes on with its times', (t) => {
  const wanted = { id: 'video:h' };
  const { stage, viewer, sender, offers } = layeredStage(wanted);
  for (const track of [PICTURE, SMALL, LARGE]) stage.frame(0, { key: true, track });
  wanted.id = 'video:l';
  stage.publication.setTracks([{ ...PICTURE, width: 320, height: 180, revision: 2 }, RTP_AUDIO, SMALL]);
  t.deepEqual(offers.at(-1), ['video', 'audio', 'video:l']);
  stage.frame(0, { track: SMALL, key: true });
  const { timestamp } = sender.of(1).at(-1)!;
  t.true(((timestamp - sender.of(1)[0]!.timestamp) >>> 0) > 0);
  const next = stage.add({ map: (track) => (track.id === 'video:l' ? { ssrc: 1, payloadType: 96 } : undefined), resume: structuredClone(viewer.state()) });
  viewer.close();
  stage.frame(40, { track: SMALL });
  t.is(((next.sender.of(1)[0]!.timestamp - timestamp) >>> 0), 3600);
});

test('who asks for a key frame of a viewer asks the layer that it gets', (t) => {
  const { stage, viewer } = layeredStage({ id: 'video:l' });
  for (const track of [PICTURE, SMALL, LARGE]) stage.frame(0, { key: true, track });
  stage.time.advance(1000);
  stage.keyFrameRequests.length = 0;
  viewer.onPli(1);
  t.deepEqual(stage.keyFrameRequests, ['video:l']);
});
