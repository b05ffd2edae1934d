import test from 'ava';
import { avcConfigOf, encodeAvcConfig, joinNals } from '../../../core/formats/h264.ts';
import type { PlaneConverter } from '../../../core/media/converters.ts';
import type { MediaFrame, MediaPacket } from '../../../core/media/frame.ts';
import { rtpConverters } from '../../../core/media/rtp-converters.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { rtpTimestamp, setRtpTimestamp } from '../../../core/rtp/packet.ts';
import { hex, toHex } from '../../support/rtp-payload.ts';

const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 03 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const VIDEO: TrackDescriptor = { id: 'video', kind: 'video', codec: 'h264', clockRateHz: 90_000, revision: 1, codecConfig: encodeAvcConfig(avcConfigOf([SPS], [PPS])) };
const [packetiser, depacketiser] = rtpConverters() as [PlaneConverter & { type: 'packetiser' }, PlaneConverter & { type: 'depacketiser' }];

function toPackets(track: TrackDescriptor, frames: readonly Partial<MediaFrame>[]): MediaPacket[] {
  const packets: MediaPacket[] = [];
  const conversion = packetiser.open(track, (packet) => void packets.push(packet));
  for (const frame of frames) conversion.write({ track, ptsUs: 0, dtsUs: 0, key: true, data: new Uint8Array(), receivedAtMs: 0, ...frame });
  conversion.close();
  return packets;
}

function toFrames(track: TrackDescriptor, packets: readonly MediaPacket[]): MediaFrame[] {
  const frames: MediaFrame[] = [];
  const conversion = depacketiser.open(track, (frame) => void frames.push(frame));
  for (const packet of packets) conversion.write(packet);
  conversion.close();
  return frames;
}

test('a key frame goes with its parameter sets and comes back without them', (t) => {
  const data = joinNals([Uint8Array.of(0x65, ...new Uint8Array(3000).fill(0x88))]);
  const packets = toPackets(VIDEO, [{ data, ptsUs: 2_000_000, receivedAtMs: 7 }]);
  t.deepEqual(packets.map(({ rtp }) => toHex(rtp.subarray(0, 13))), [
    '8060000000 02bf20 00000000 78', '8060000100 02bf20 00000000 7c', '8060000200 02bf20 00000000 7c', '80e0000300 02bf20 00000000 7c',
  ].map((text) => text.replaceAll(' ', '')));
  t.is(new Set(packets.slice(1, -1).map(({ rtp }) => rtp.length)).size, 1);
  const [frame] = toFrames(VIDEO, packets);
  t.deepEqual({ ...frame!, data: toHex(frame!.data) }, { track: VIDEO, ptsUs: 2_000_000, dtsUs: 2_000_000, key: true, data: toHex(data), receivedAtMs: 7 });
});

test('long sound becomes packets of 20 ms with their own times', (t) => {
  const track: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'g722', clockRateHz: 8000, sampleRateHz: 16_000, revision: 1 };
  const packets = toPackets(track, [{ data: new Uint8Array(480), ptsUs: 1_000_000 }]);
  t.deepEqual(packets.map(({ ptsUs, rtp }) => [ptsUs, rtp.length]), [[1_000_000, 172], [1_020_000, 172], [1_040_000, 172]]);
});

test('a frame that its publisher broke is left out, and the next one goes', (t) => {
  const packets = toPackets(VIDEO, [{ data: hex('00 00 00 09 41') }, { data: joinNals([hex('41 9a')]), key: false }]);
  t.deepEqual(packets.map(({ sequence, key }) => [sequence, key]), [[0, false]]);
});

test('packets that cannot be read make a hole, not a fault', (t) => {
  const frames = [0, 1, 2].map((index) => ({ data: joinNals([Uint8Array.of(0x65, 0x88, index)]), ptsUs: index * 40_000 }));
  const packets = toPackets(VIDEO, frames).map((packet) => (packet.sequence === 1 ? { ...packet, rtp: packet.rtp.subarray(0, 5) } : packet));
  t.deepEqual(toFrames(VIDEO, packets).map(({ ptsUs }) => ptsUs), [0, 80_000]);
});

test('a frame whose last packet carries no marker has its own time, not that of the packet after it', (t) => {
  const frames = [0, 1].map((index) => ({ data: joinNals([Uint8Array.of(0x65, 0x88, index)]), ptsUs: index * 40_000 }));
  const packets = toPackets(VIDEO, frames).map((packet) => ({ ...packet, marker: false }));
  t.deepEqual(toFrames(VIDEO, packets).map(({ ptsUs }) => ptsUs), [0]);
});

test('the mark of a jump goes to the first frame of the packets after it, and the frame that they end keeps its own time', (t) => {
  const frames = [0, 1, 2, 3].map((index) => ({ data: joinNals([Uint8Array.of(0x65, 0x88, index)]), ptsUs: index * 40_000 }));
  for (const jumpS of [3600, -3600]) {
    const packets = toPackets(VIDEO, frames).map((packet, index) => {
      if (index < 2) return { ...packet, marker: false };
      const rtp = packet.rtp.slice();
      setRtpTimestamp(rtp, rtpTimestamp(rtp) + jumpS * 90_000);
      return { ...packet, rtp, ...(index === 2 ? { discontinuity: true } : {}) };
    });
    t.deepEqual(toFrames(VIDEO, packets).map(({ ptsUs, discontinuity }) => [ptsUs, discontinuity]), [[0, undefined], [40_000, undefined], [80_000, true], [120_000, undefined]]);
    // Its only packet is unreadable: the mark stays for the next frame.
    const broken = packets.map((packet, index) => (index === 2 ? { ...packet, rtp: packet.rtp.subarray(0, 5) } : packet));
    t.deepEqual(toFrames(VIDEO, broken).map(({ ptsUs, discontinuity }) => [ptsUs, discontinuity]), [[0, undefined], [120_000, true]]);
  }
});

test('a key frame after B frames keeps its presentation time, and decoding times never decrease', (t) => {
  const track: TrackDescriptor = { ...VIDEO, hasBFrames: true, codecConfig: encodeAvcConfig(avcConfigOf([hex('67 64 00 1f ac d9 40 50 05 bb 01 10 00 00 03 00 10 00 00 03 03 c0 f1 83 19 60')], [PPS])) };
  const order = [0, 3, 1, 2, 6, 4, 5];
  const frames = order.map((at) => ({ data: joinNals([Uint8Array.of(at === 0 ? 0x65 : 0x41, 0x88, at)]), key: at === 0, ptsUs: 1_000_000 + at * 40_000 }));
  const got = toFrames(track, toPackets(track, frames));
  t.deepEqual(got.map(({ ptsUs }) => (ptsUs - 1_000_000) / 40_000), order);
  t.true(got.every(({ dtsUs, ptsUs }, index) => dtsUs <= ptsUs && dtsUs >= (got[index - 1]?.dtsUs ?? 0)));
});
