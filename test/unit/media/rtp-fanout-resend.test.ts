import test from 'ava';
import { RESENDS_PER_PACKET } from '../../../core/media/rtp-fanout/resend-budget.ts';
import { headerExtensionsOf } from '../../../core/rtp/header-extensions.ts';
import { FanoutStage, payloads, RTP_AUDIO, RTP_VIDEO } from '../../support/rtp-fanout.ts';

/** Differences between neighbours. */
const steps = (values: readonly number[]): number[] => values.slice(1).map((value, index) => value - values[index]!);

test('a NACK is answered with the very same packet, so often and no more', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { viewer, sender } = stage.add();
  stage.frame(0, { key: true, packets: 4 });
  const lost = sender.sent[2]!;
  sender.sent.length = 0;
  viewer.onNack(1, [lost.sequenceNumber]);
  t.deepEqual(sender.sent.map(({ bytes, extended }) => [Buffer.from(bytes).toString('hex'), extended]), [[Buffer.from(lost.bytes).toString('hex'), lost.extended]]);
  viewer.onNack(1, [lost.sequenceNumber]);
  t.is(sender.sent.length, 1, 'the first answer is still on its way');
  for (let round = 0; round < 2 * RESENDS_PER_PACKET; round += 1) {
    stage.time.advance(20);
    viewer.onNack(1, [lost.sequenceNumber]);
  }
  t.is(sender.sent.length, RESENDS_PER_PACKET);
  t.is(viewer.counters.resends, RESENDS_PER_PACKET);
  t.is(viewer.counters.packets, 4 + RESENDS_PER_PACKET);
});

test('a NACK for what was not sent, is too old, or of another SSRC is refused', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { viewer, sender } = stage.add();
  stage.frame(0, { key: true });
  const [first] = sender.sent;
  stage.time.advance(3000);
  for (let ms = 3000; ms < 3400; ms += 40) stage.frame(ms);
  sender.sent.length = 0;
  const { sequenceNumber } = first!;
  viewer.onNack(1, [sequenceNumber, sequenceNumber - 1, sequenceNumber + 5000, sequenceNumber + 40_000]);
  viewer.onNack(999, [sequenceNumber]);
  t.deepEqual(sender.sent, []);
  t.is(viewer.counters.refusedResends, 5);
});

test('a storm of NACKs costs a bounded number of packets', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { viewer, sender } = stage.add();
  for (let ms = 0; ms < 900; ms += 1) {
    stage.frame(ms, { key: ms === 0, packets: 1 });
    stage.time.advance(1);
  }
  const sequences = sender.sent.map(({ sequenceNumber }) => sequenceNumber);
  sender.sent.length = 0;
  for (let round = 0; round < 20; round += 1) {
    viewer.onNack(1, sequences);
    stage.time.advance(20);
  }
  t.true(sender.sent.length >= 500 && sender.sent.length <= 500 + 200, `${sender.sent.length}`);
});

test('with RTX the lost packet comes back on its own SSRC, its number before the payload', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { viewer, sender } = stage.add({ map: () => ({ ssrc: 1, payloadType: 96, rtx: { ssrc: 3, payloadType: 97 } }) });
  stage.frame(0, { key: true });
  const [a, b] = sender.of(1);
  viewer.onNack(1, [a!.sequenceNumber, b!.sequenceNumber]);
  const again = sender.of(3);
  t.deepEqual(again.map(({ payload }) => Buffer.from(payload).readUInt16BE()), [a!.sequenceNumber, b!.sequenceNumber]);
  t.deepEqual(again.map(({ payload }) => new TextDecoder().decode(payload.subarray(2))), ['K0.0', 'K0.1']);
  t.deepEqual(again.map(({ payloadType, marker, timestamp }) => [payloadType, marker, timestamp]), [[97, false, a!.timestamp], [97, true, b!.timestamp]]);
  t.deepEqual(steps(again.map(({ extended }) => extended)), [1]);
  t.true(again[0]!.extended < 0x8000);
  t.is(sender.of(1).length, 2);
  const facts = viewer.reports();
  t.deepEqual(facts.map(({ ssrc, packetCount }) => [ssrc, packetCount]), [[1, 2], [3, 2]]);
});

test('the orientation of pictures goes under the viewer’s id, in retransmissions too; other extensions go nowhere', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const turned = stage.add({ map: () => ({ ssrc: 1, payloadType: 96, orientationExtensionId: 13 }) });
  const plain = stage.add();
  const extension = { profile: 0xbede, data: Uint8Array.of(0x10, 3, 0x50, 9) };
  stage.publication.writePacket(stage.packet(0, 1, { key: true, extension }));
  const [packet] = turned.sender.sent;
  t.deepEqual(headerExtensionsOf(packet!.bytes), [{ id: 13, data: Uint8Array.of(3) }]);
  t.deepEqual(payloads(turned.sender.sent), ['K0.0']);
  t.is(plain.sender.sent[0]!.extension, undefined);
  turned.viewer.onNack(1, [packet!.sequenceNumber]);
  t.deepEqual(turned.sender.sent[1]!.bytes, packet!.bytes);
});

test('sound is kept while there is a viewer that may ask for it again, and not for those that never do', (t) => {
  const stage = new FanoutStage([RTP_AUDIO]);
  const mapping = { ssrc: 2, payloadType: 111 };
  const silent = stage.add({ map: () => ({ ...mapping, resends: false }) });
  stage.audio(0);
  const [unkept] = silent.sender.sent;
  const asking = stage.add({ map: () => mapping });
  stage.audio(20);
  const [kept] = asking.sender.sent;
  const counts = (): number[] => [silent.sender.sent.length, asking.sender.sent.length];
  t.deepEqual(counts(), [2, 1]);
  silent.viewer.onNack(2, [unkept!.sequenceNumber]);
  asking.viewer.onNack(2, [kept!.sequenceNumber]);
  t.deepEqual(counts(), [2, 2]);
  asking.viewer.close();
  stage.audio(40);
  silent.viewer.onNack(2, [silent.sender.sent.at(-1)!.sequenceNumber]);
  t.deepEqual(counts(), [3, 2]);
});
