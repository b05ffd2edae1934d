import test from 'ava';
import { BURST_PACKETS, SPREAD_PACKETS } from '../../../core/media/rtp-fanout/burst-queue.ts';
import { FanoutStage, payloads, RTP_AUDIO, RTP_VIDEO, toyPacketiser } from '../../support/rtp-fanout.ts';
import { video, VIDEO } from '../../support/media.ts';

/** Differences between neighbours. */
const steps = (values: readonly number[]): number[] => values.slice(1).map((value, index) => value - values[index]!);

test('two viewers get the same packets under their own SSRC, payload type and sequence', (t) => {
  const stage = new FanoutStage();
  const a = stage.add();
  const b = stage.add({ map: ({ kind }) => (kind === 'video' ? { ssrc: 77, payloadType: 102 } : undefined) });
  t.deepEqual(a.log, ['tracks video:vp8,audio:opus']);
  t.deepEqual(b.viewer.tracks, [RTP_VIDEO]);
  stage.frame(0, { key: true });
  stage.audio(10);
  stage.frame(40);
  for (const [sender, ssrc, payloadType] of [[a.sender, 1, 96], [b.sender, 77, 102]] as const) {
    const packets = sender.of(ssrc);
    t.deepEqual(payloads(packets), ['K0.0', 'K0.1', 'P40.0', 'P40.1']);
    t.deepEqual(packets.map((packet) => [packet.payloadType, packet.marker]), [[payloadType, false], [payloadType, true], [payloadType, false], [payloadType, true]]);
    t.deepEqual(steps(packets.map(({ extended }) => extended)), [1, 1, 1]);
    t.true(packets[0]!.extended < 0x8000);
    t.deepEqual(packets.map(({ extended }) => extended & 0xffff), packets.map(({ sequenceNumber }) => sequenceNumber));
    t.deepEqual(steps(packets.map(({ timestamp }) => timestamp)).map((step) => step >>> 0), [0, 3600, 0]);
  }
  t.deepEqual(payloads(a.sender.of(2)), ['K10.0']);
  t.is(b.sender.sent.length, 4);
  t.deepEqual(a.viewer.counters, { packets: 5, octets: 23, resends: 0, refusedResends: 0 });
});

test('a late viewer begins with the cached group of pictures at once and goes on live without a hole', (t) => {
  const stage = new FanoutStage();
  stage.add();
  stage.frame(0, { key: true, packets: 3 });
  stage.frame(40);
  stage.audio(45);
  stage.keyFrameRequests.length = 0;
  const late = stage.add();
  t.deepEqual(payloads(late.sender.of(1)), ['K0.0', 'K0.1', 'K0.2', 'P40.0', 'P40.1']);
  stage.frame(80);
  stage.audio(85);
  t.deepEqual(payloads(late.sender.of(1)).slice(5), ['P80.0', 'P80.1']);
  t.deepEqual(new Set(steps(late.sender.of(1).map(({ extended }) => extended))), new Set([1]));
  t.deepEqual(payloads(late.sender.of(2)), ['K85.0']);
  t.deepEqual(stage.keyFrameRequests, []);
});

test('a large cached group goes to a late viewer in steps, while the live packets go on', (t) => {
  const stage = new FanoutStage([RTP_VIDEO], { makesKeyFrames: false });
  stage.add();
  stage.frame(0, { key: true, packets: 100 });
  stage.time.advance(50);
  const late = stage.add();
  t.is(late.sender.sent.length, 32);
  stage.frame(40);
  t.is(late.sender.sent.length, 32);
  stage.time.advance(100);
  stage.frame(80);
  const got = payloads(late.sender.sent);
  t.deepEqual(got.slice(-4), ['P40.0', 'P40.1', 'P80.0', 'P80.1']);
  t.is(got.length, 104);
  t.deepEqual(new Set(steps(late.sender.sent.map(({ extended }) => extended))), new Set([1]));
});

test('without a usable cache a viewer asks for a key frame and begins with it, before the frame is complete', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  stage.add();
  stage.frame(0, { key: true });
  stage.time.advance(5000);
  stage.frame(5000);
  stage.keyFrameRequests.length = 0;
  const late = stage.add();
  t.deepEqual(stage.keyFrameRequests, ['video']);
  stage.frame(5040);
  t.deepEqual(late.sender.sent, []);
  stage.publication.writePacket(stage.packet(5080, 70_010, { key: true, marker: false }));
  t.deepEqual(late.sender.sent, []);
  stage.turn();
  t.deepEqual(payloads(late.sender.sent), ['K5080.0']);
});

test('a viewer that comes within a key frame gets nothing of its rest, and begins with the next one, even where packets before it do not show it', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  stage.publication.writePacket(stage.packet(0, 1, { key: true, marker: false }));
  const first = stage.add();
  stage.publication.writePacket(stage.packet(0, 2, { key: true, index: 1 }));
  stage.publication.writePacket(stage.packet(40, 3));
  stage.publication.writePacket(stage.packet(80, 4, { marker: false }));
  stage.publication.writePacket(stage.packet(80, 5, { key: true, index: 1 }));
  stage.turn();
  t.deepEqual(payloads(first.sender.sent), ['K80.1']);
});

test('the first viewer of a stream of frames gets its cached group through the packetiser', (t) => {
  const stage = new FanoutStage([VIDEO], { makesKeyFrames: false });
  stage.bus.registerConverter(toyPacketiser(['h264']));
  stage.publication.write(video(0, true, 10));
  stage.publication.write(video(40, false, 4));
  stage.time.advance(3000);
  const first = stage.add();
  t.deepEqual(payloads(first.sender.sent), ['K0.0', 'K0.1', 'K0.2', 'P40.0']);
  stage.publication.write(video(80, false, 4));
  const second = stage.add();
  t.deepEqual(payloads(first.sender.sent).slice(4), ['P80.0']);
  t.deepEqual(payloads(second.sender.sent), ['K0.0', 'K0.1', 'K0.2', 'P40.0', 'P80.0']);
});

test('a reader of packets that joins from within the delivery of a frame gets that frame once', (t) => {
  const stage = new FanoutStage([VIDEO]);
  stage.bus.registerConverter(toyPacketiser(['h264']));
  let joined: ReturnType<FanoutStage['add']> | undefined;
  stage.publication.stream.subscribe({
    plane: 'frames',
    label: 'frames',
    sink: { onTracks: () => undefined, onEnd: () => undefined, onFrame: () => void (joined ??= stage.add()) },
  });
  stage.publication.write(video(0, true, 4));
  stage.publication.write(video(40, false, 4));
  t.deepEqual(payloads(joined!.sender.sent), ['K0.0', 'P40.0']);
});

test('packets of a frame go out in runs, a large frame spread over time, in order', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { sender } = stage.add();
  stage.frame(0, { key: true, packets: 70 });
  t.is(sender.sent.length, SPREAD_PACKETS);
  t.deepEqual(stage.engine.bursts, [BURST_PACKETS, BURST_PACKETS]);
  stage.time.advance(2);
  t.is(sender.sent.length, 2 * SPREAD_PACKETS);
  stage.time.advance(2);
  t.is(sender.sent.length, 70);
  t.deepEqual(new Set(steps(sender.sent.map(({ extended }) => extended))), new Set([1]));
  t.is(stage.time.pending, 0);
});

test('packets of an incomplete frame wait for the end of the turn, not for the frame', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { sender } = stage.add();
  for (const sequence of [1, 2, 3]) stage.publication.writePacket(stage.packet(0, sequence, { key: true, marker: false, index: sequence }));
  t.deepEqual(sender.sent, []);
  stage.turn();
  t.deepEqual(stage.engine.bursts, [3]);
});

test('loss and reordering of the publisher pass through: holes stay holes, late packets find their place', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { sender } = stage.add();
  for (const [ms, sequence] of [[0, 1], [10, 2], [40, 5], [20, 3]] as const) stage.publication.writePacket(stage.packet(ms, sequence, { key: ms === 0 }));
  const [first] = sender.sent;
  t.deepEqual(sender.sent.map(({ extended }) => extended - first!.extended), [0, 1, 4, 2]);
});

test('when the publisher returns, sequence numbers and timestamps go on', (t) => {
  const stage = new FanoutStage();
  const { sender, log } = stage.add();
  stage.frame(0, { key: true });
  stage.audio(0);
  stage.frame(40);
  stage.publication.suspend('gone');
  stage.time.advance(3000);
  stage.publish([RTP_VIDEO, RTP_AUDIO]);
  stage.frame(900_000, { step: -60_000 });
  stage.frame(900_040, { key: true });
  stage.audio(900_040);
  t.deepEqual(log, ['tracks video:vp8,audio:opus', 'suspend', 'resume']);
  const packets = sender.of(1);
  t.deepEqual(payloads(packets), ['K0.0', 'K0.1', 'P40.0', 'P40.1', 'K900040.0', 'K900040.1']);
  t.deepEqual(steps(packets.map(({ extended }) => extended)), [1, 1, 1, 1, 1]);
  const jump = (packets[4]!.timestamp - packets[3]!.timestamp) >>> 0;
  t.true(jump > 0 && jump < 90_000, `${jump} ticks`);
  t.deepEqual(steps(sender.of(2).map(({ extended }) => extended)), [1]);
});

test('a change of the codec asks for the mapping again and goes on with the next number of the same SSRC', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { viewer, sender, log } = stage.add({ map: ({ codec }) => ({ ssrc: 1, payloadType: codec === 'vp8' ? 96 : 98 }) });
  stage.frame(0, { key: true });
  const vp9 = { ...RTP_VIDEO, codec: 'vp9', revision: 2 } as const;
  stage.publication.setTracks([vp9]);
  stage.frame(40, { key: true });
  stage.frame(80, { key: true, track: vp9, step: 30_000 });
  t.deepEqual(log, ['tracks video:vp8', 'tracks video:vp9']);
  t.deepEqual(payloads(sender.sent), ['K0.0', 'K0.1', 'K80.0', 'K80.1']);
  t.deepEqual(sender.sent.map(({ payloadType }) => payloadType), [96, 96, 98, 98]);
  t.deepEqual(steps(sender.sent.map(({ extended }) => extended)), [1, 1, 1]);
  sender.sent.length = 0;
  viewer.onNack(1, [0, 1, 2].map((step) => (viewer.state().lines[0]!.nextSequence - 3 - step) & 0xffff));
  t.deepEqual(sender.sent, [], 'packets of the old codec are not sent again');
});

test('a new picture size goes on without a new mapping, also when the packets are made of frames', (t) => {
  const stage = new FanoutStage([VIDEO]);
  stage.bus.registerConverter(toyPacketiser(['h264']));
  const { sender } = stage.add();
  for (let ms = 0; ms < 400; ms += 40) stage.publication.write(video(ms, ms === 0, 4));
  const larger = { ...VIDEO, revision: 2, width: 1920, height: 1080 };
  stage.publication.setTracks([larger]);
  stage.publication.write(video(400, true, 4, larger));
  stage.publication.write(video(440, false, 4, larger));
  t.is(sender.sent.length, 12);
  t.deepEqual(new Set(steps(sender.sent.map(({ extended }) => extended))), new Set([1]));
});

test('a kind without a common codec is left out and told with what would mend it; without any the viewer is refused', (t) => {
  const aac = { ...RTP_AUDIO, codec: 'aac' } as const;
  const stage = new FanoutStage([RTP_VIDEO, aac]);
  const remedies: string[] = [];
  const accept = [{ kind: 'video', codecs: ['vp8'] }, { kind: 'audio', codecs: ['opus'] }] as const;
  const { log } = stage.add({ accept });
  t.deepEqual(log, ['tracks video:vp8', 'missing audio:aac']);
  stage.add({ accept, onMissing: ({ remedy }) => void remedies.push(remedy) });
  t.deepEqual(remedies, ['Enable a transcoder for aac to opus, or publish opus.']);
  t.throws(() => stage.add({ accept: [{ kind: 'video', codecs: ['h264'] }] }), { code: 'MEDIA_E_NO_COMMON_CODEC' });
});

test('a kind that comes later without a common codec is told when it comes, and once', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { log } = stage.add({ accept: [{ kind: 'video', codecs: ['vp8'] }, { kind: 'audio', codecs: ['opus'] }] });
  const aac = { ...RTP_AUDIO, codec: 'aac' } as const;
  stage.publication.setTracks([RTP_VIDEO, aac]);
  stage.publication.setTracks([{ ...RTP_VIDEO, revision: 2, width: 640 }, aac]);
  t.deepEqual(log, ['tracks video:vp8', 'missing audio:aac', 'tracks video:vp8']);
});

test('another layer is chosen at its next key frame, the first one goes on until then', (t) => {
  const low = { ...RTP_VIDEO, id: 'video2' };
  const stage = new FanoutStage([RTP_VIDEO, low]);
  let layer = 'video';
  const { viewer, sender } = stage.add({ map: ({ id }) => (id === layer ? { ssrc: 1, payloadType: 96 } : undefined) });
  stage.frame(0, { key: true, packets: 1 });
  stage.frame(0, { key: true, packets: 1, track: low });
  layer = 'video2';
  stage.time.advance(1000);
  stage.keyFrameRequests.length = 0;
  viewer.remap();
  t.deepEqual(stage.keyFrameRequests, ['video2']);
  stage.frame(40, { packets: 1 });
  stage.frame(50, { packets: 1, track: low });
  stage.frame(80, { key: true, packets: 1, track: low });
  stage.frame(90, { packets: 1 });
  stage.frame(120, { packets: 1, track: low });
  t.deepEqual(payloads(sender.sent), ['K0.0', 'P40.0', 'K80.0', 'P120.0']);
  t.deepEqual(steps(sender.sent.map(({ extended }) => extended)), [1, 1, 1]);
  t.deepEqual(steps(sender.sent.map(({ timestamp }) => timestamp)), [3600, 3600, 3600]);
});

test('a track that goes and comes again under the same SSRC goes on with its numbers', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  let isWanted = true;
  const { viewer, sender } = stage.add({ map: () => (isWanted ? { ssrc: 1, payloadType: 96 } : undefined) });
  stage.frame(0, { key: true });
  isWanted = false;
  viewer.remap();
  stage.frame(40);
  isWanted = true;
  viewer.remap();
  stage.frame(80, { key: true });
  t.deepEqual(payloads(sender.sent), ['K0.0', 'K0.1', 'K80.0', 'K80.1']);
  t.deepEqual(steps(sender.sent.map(({ extended }) => extended)), [1, 1, 1]);
  t.is(viewer.counters.packets, 4);
});

test('a packet that is not RTP is left out', (t) => {
  const stage = new FanoutStage([RTP_VIDEO]);
  const { sender } = stage.add();
  stage.publication.writePacket({ ...stage.packet(0, 1, { key: true }), rtp: Uint8Array.of(1, 2, 3) });
  stage.publication.writePacket(stage.packet(0, 2, { key: true }));
  t.is(sender.sent.length, 1);
  t.deepEqual(stage.faults, []);
});

test('sender reports tell the media time of now, the same for sound and picture', (t) => {
  const stage = new FanoutStage();
  const { viewer, sender } = stage.add();
  t.deepEqual(viewer.reports(), []);
  stage.frame(1000, { key: true });
  stage.time.advance(30);
  // Comes 20 ms later than it could: what came soonest counts.
  stage.audio(1010);
  stage.time.advance(70);
  const [picture, sound] = viewer.reports();
  t.like(picture, { ssrc: 1, packetCount: 2, octetCount: 14 });
  t.like(sound, { ssrc: 2, packetCount: 1 });
  t.is((picture!.rtpTimestamp - sender.of(1)[0]!.timestamp) >>> 0, 9000);
  t.is((sound!.rtpTimestamp - sender.of(2)[0]!.timestamp) >>> 0, 90 * 48);
});
