import test from 'ava';
import { RTP_FANOUT_LINGER_MS } from '../../../core/media/rtp-fanout.ts';
import { FanoutStage, payloads, RTP_VIDEO } from '../../support/rtp-fanout.ts';

/** Differences between neighbours. */
const steps = (values: readonly number[]): number[] => values.slice(1).map((value, index) => value - values[index]!);

test('a viewer of the next generation goes on with the exact numbers, and its peer may still ask for older packets', (t) => {
  const stage = new FanoutStage();
  const map = ({ kind }: { kind: string }) => (kind === 'video' ? { ssrc: 1, payloadType: 96, rtx: { ssrc: 3, payloadType: 97 } } : { ssrc: 2, payloadType: 111 });
  const old = stage.add({ map });
  stage.frame(0, { key: true });
  stage.audio(0);
  old.viewer.onNack(1, [old.sender.of(1)[0]!.sequenceNumber]);
  stage.keyFrameRequests.length = 0;
  const state = JSON.parse(JSON.stringify(old.viewer.state())) as ReturnType<typeof old.viewer.state>;
  const next = stage.add({ map, resume: state });
  old.viewer.close();
  stage.frame(40);
  stage.audio(40);
  t.deepEqual(payloads(next.sender.of(1)), ['P40.0', 'P40.1']);
  for (const ssrc of [1, 2]) t.deepEqual(new Set(steps([...old.sender.of(ssrc), ...next.sender.of(ssrc)].map(({ extended }) => extended))), new Set([1]));
  next.viewer.onNack(1, [old.sender.of(1)[1]!.sequenceNumber]);
  t.deepEqual(steps([...old.sender.of(3), ...next.sender.of(3)].map(({ extended }) => extended)), [1]);
  t.is(next.viewer.counters.packets, 6);
  t.deepEqual(stage.keyFrameRequests, []);
  t.deepEqual(old.log, ['tracks video:vp8,audio:opus']);
});

test('a viewer that is resumed after its fan-out has gone never uses a number twice', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const old = stage.add();
  stage.frame(0, { key: true });
  const state = old.viewer.state();
  old.viewer.close();
  stage.time.advance(RTP_FANOUT_LINGER_MS);
  t.is(stage.fanouts.size, 0);
  const next = stage.add({ resume: state });
  stage.frame(40);
  stage.frame(80, { key: true });
  t.deepEqual(payloads(next.sender.sent), ['K80.0', 'K80.1']);
  t.is(next.sender.sent[0]!.extended, old.sender.sent.at(-1)!.extended + 1);
});

test('a viewer that throws ends alone', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const good = stage.add();
  const bad = stage.add({
    onTracks: () => {
      throw new Error('bad viewer');
    },
  });
  const worse = stage.add({
    onSuspend: () => {
      throw new Error('worse viewer');
    },
    onEnd: () => {
      throw new Error('to the end');
    },
  });
  stage.frame(0, { key: true });
  t.deepEqual(bad.log, ['end Internal error of the reader']);
  t.deepEqual(bad.sender.sent, []);
  stage.publication.suspend('gone');
  t.is(worse.viewer.counters.packets, 2);
  t.deepEqual(stage.faults.map(String), ['Error: bad viewer', 'Error: worse viewer', 'Error: to the end']);
  t.is(stage.fanouts.of(stage.publication.stream).viewerCount, 1);
  t.is(good.sender.sent.length, 2);
});

test('a destination that throws while cached packets are sent ends that viewer alone', (t) => {
  const stage = new FanoutStage([RTP_VIDEO], { makesKeyFrames: false });
  stage.add();
  stage.frame(0, { key: true, packets: 100 });
  stage.time.advance(20);
  const late = stage.add();
  late.sender.failure = new Error('unreachable');
  stage.time.advance(20);
  t.is(late.log.at(-1), 'end Internal error of the reader');
  t.is(stage.time.pending, 0);
});

test('a viewer that leaves while cached packets are written to it gets nothing more and stays in no group', (t) => {
  const stage = new FanoutStage([RTP_VIDEO], { makesKeyFrames: false });
  stage.add();
  stage.frame(0, { key: true, packets: 50 });
  stage.time.advance(20);
  const late = stage.add();
  const send = late.sender.sendRtp.bind(late.sender);
  late.sender.sendRtp = (packet, sequence) => {
    send(packet, sequence);
    late.viewer.close();
  };
  stage.time.advance(20);
  const written = late.sender.sent.length;
  stage.frame(40);
  t.is(late.sender.sent.length, written);
  t.is(stage.fanouts.of(stage.publication.stream).viewerCount, 1);
  t.is(stage.engine.openGroups, 1);
  t.deepEqual(stage.faults, []);
});

test('a key-frame request of a peer reaches the publisher', (t) => {
  const stage = new FanoutStage();
  const { viewer } = stage.add();
  stage.frame(0, { key: true });
  stage.keyFrameRequests.length = 0;
  stage.time.advance(1000);
  viewer.onPli(1);
  viewer.onPli(4711);
  t.deepEqual(stage.keyFrameRequests, ['video']);
});

test('viewers with other codecs share the tracks that both take, and the one who stays loses nothing when the other goes', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const first = stage.add({ accept: [{ kind: 'video', codecs: ['vp8', 'h264'] }] });
  stage.frame(0, { key: true });
  const second = stage.add({ accept: [{ kind: 'video', codecs: ['vp8'] }] });
  t.is(stage.publication.stream.subscriberCount, 2);
  t.deepEqual(payloads(second.sender.sent), ['K0.0', 'K0.1']);
  stage.frame(40);
  first.viewer.close();
  stage.frame(80);
  t.deepEqual(payloads(second.sender.sent).slice(2), ['P40.0', 'P40.1', 'P80.0', 'P80.1']);
  stage.frame(120, { key: true });
  stage.frame(160);
  t.deepEqual(payloads(second.sender.sent).slice(6), ['K120.0', 'K120.1', 'P160.0', 'P160.1']);
  t.is(stage.publication.stream.subscriberCount, 1);
  t.deepEqual(new Set(steps(second.sender.sent.map(({ extended }) => extended))), new Set([1]));
});

test('after the last viewer nothing is left: no timer, no subscription, no group of the engine', (t) => {
  const stage = new FanoutStage();
  const viewers = Array.from({ length: 5 }, () => stage.add());
  stage.frame(0, { key: true, packets: 100 });
  stage.audio(0);
  viewers.push(stage.add());
  for (const { viewer } of viewers) viewer.close();
  for (const { viewer } of viewers) viewer.close();
  stage.time.advance(RTP_FANOUT_LINGER_MS);
  stage.turn();
  t.is(stage.time.pending, 0);
  t.is(stage.publication.stream.subscriberCount, 0);
  t.is(stage.engine.openGroups, 0);
  t.is(stage.fanouts.size, 0);
  for (const { log } of viewers) t.deepEqual(log, ['tracks video:vp8,audio:opus']);
});

test('a fan-out whose only viewer was refused does not stay', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  t.throws(() => stage.add({ accept: [{ kind: 'video', codecs: ['h264'] }] }));
  stage.time.advance(RTP_FANOUT_LINGER_MS);
  t.deepEqual([stage.fanouts.size, stage.time.pending, stage.publication.stream.subscriberCount], [0, 0, 0]);
});

test('the end of the stream is told to every viewer and closes the fan-out', (t) => {
  const stage = new FanoutStage();
  const a = stage.add();
  const b = stage.add({ accept: [{ kind: 'audio', codecs: ['opus'] }] });
  stage.publication.end('Stopped by publisher stop');
  t.is(a.log.at(-1), 'end Stopped by publisher stop');
  t.is(b.log.at(-1), 'end Stopped by publisher stop');
  t.deepEqual([stage.fanouts.size, stage.time.pending, stage.engine.openGroups], [0, 0, 0]);
});
