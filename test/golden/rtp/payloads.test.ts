import test from 'ava';
import { joinNals } from '../../../core/formats/hevc.ts';
import { aacDepacketiser, aacPacketiser } from '../../../core/rtp/payload/aac.ts';
import { av1Depacketiser, av1Packetiser } from '../../../core/rtp/payload/av1.ts';
import { hevcDepacketiser, hevcPacketiser } from '../../../core/rtp/payload/hevc.ts';
import { encodeStreamMuxConfig, parseStreamMuxConfig } from '../../../core/rtp/payload/latm-config.ts';
import { LatmDepacketiser, latmPacketiser } from '../../../core/rtp/payload/latm.ts';
import type { PayloadPacketiser } from '../../../core/rtp/payload/payload-format.ts';
import { sampledDepacketiser, sampledPacketiser } from '../../../core/rtp/payload/sampled-audio.ts';
import { parseVp9Descriptor } from '../../../core/rtp/payload/vp9-descriptor.ts';
import { vp9Depacketiser, vp9Packetiser } from '../../../core/rtp/payload/vp9.ts';
import { hex, receive, sendUnits, toHex } from '../../support/rtp-payload.ts';

const VIDEO = { clockRateHz: 90_000, maxPayloadBytes: 32 };
const AUDIO = { clockRateHz: 48_000 };

const row = (from: number, to: number): Uint8Array => Uint8Array.from({ length: to - from }, (_, index) => from + index);
const cut = (packetiser: PayloadPacketiser, data: Uint8Array, key = false): string[] =>
  sendUnits(packetiser, [{ data, key, timestamp: 0 }]).map(({ payload, marker }) => `${toHex(payload)}${marker ? ' M' : ''}`);
const plain = (text: string): string => text.replaceAll(' ', '');

test('HEVC: small NAL units share an aggregation packet of the lowest temporal id', (t) => {
  t.deepEqual(cut(hevcPacketiser(VIDEO), joinNals([hex('42 03 aa'), hex('02 02 bb')])), [`${plain('6002 0003 4203aa 0003 0202bb')} M`]);
});

test('HEVC: a large NAL unit goes in fragmentation units of one size', (t) => {
  const nal = Uint8Array.of(0x26, 0x01, ...row(0, 60));
  t.deepEqual(cut(hevcPacketiser(VIDEO), joinNals([nal]), true), [`620193${toHex(row(0, 20))}`, `620113${toHex(row(20, 40))}`, `620153${toHex(row(40, 60))} M`]);
  const [unit] = receive((emit) => hevcDepacketiser(VIDEO, emit), ['62 01 93 aa', '62 01 13 bb', '62 01 53 cc'].map((text, index) => ({ payload: hex(text), timestamp: 1, marker: index === 2 })));
  t.is(toHex(unit!.data), plain('00000005 2601 aabbcc'));
  t.true(unit!.key);
});

test('VP9: a key picture begins with its scalability structure, and its fragments are of one size', (t) => {
  // Profile 0, key, shown, 640 x 480.
  const key = Uint8Array.of(...hex('82 49 83 42 20 27 f0 1d f0 00'), ...row(0, 30));
  const packetiser = vp9Packetiser(VIDEO);
  t.deepEqual(cut(packetiser, key, true), [
    plain(`aa 8000 00 00 18 0280 01e0 010401 ${toHex(key.subarray(0, 16))}`),
    `${plain(`a4 8000 00 00 ${toHex(key.subarray(16))}`)} M`,
  ]);
  t.deepEqual(cut(packetiser, hex('86 01')), [`${plain('ec 8001 00 01 8601')} M`]);
});

test('VP9: flexible mode, layers and structures of other senders are read', (t) => {
  t.deepEqual(parseVp9Descriptor(hex('f9 11 35 03 04 ff')), {
    length: 5, pictureId: 17, interPicture: true, flexible: true, startsFrame: true, endsFrame: false, notReferenceForUpper: true,
    layer: { temporalId: 1, switchingUp: true, spatialId: 2, interLayer: true }, referenceDistances: [1, 2],
  });
  const structure = parseVp9Descriptor(hex('0a 38 0140 00b4 0280 0168 02 04 01 00 ff'));
  t.deepEqual(structure?.scalability, { spatialLayers: 2, sizes: [{ width: 320, height: 180 }, { width: 640, height: 360 }], pictures: 2 });
  t.is(structure?.length, 14);
  t.is(parseVp9Descriptor(hex('50 03 03 03 03')), undefined);
  const layers = ['8c 01 82', 'ac 01 02 00 83', '8c 02 82'].map((text, index) => ({ payload: hex(text), timestamp: index < 2 ? 0 : 1, marker: index > 0 }));
  t.deepEqual(receive(vp9Depacketiser, layers).map(({ data }) => toHex(data)), ['8283', '82']);
});

test('AV1: OBUs travel without sizes and delimiters, N marks a new sequence', (t) => {
  const sample = hex('12 00 0a 03 000000 32 04 10 01 02 03');
  t.deepEqual(cut(av1Packetiser(VIDEO), sample, true), [`${plain('28 04 08 000000 30 10010203')} M`]);
});

test('AV1: a large OBU goes on in packets of one size, with Y and Z', (t) => {
  const frame = Uint8Array.of(0x30, ...row(0, 69));
  const sample = Uint8Array.of(0x32, 69, ...row(0, 69));
  t.deepEqual(cut(av1Packetiser(VIDEO), sample), [
    `50${toHex(frame.subarray(0, 24))}`, `d0${toHex(frame.subarray(24, 48))}`, `90${toHex(frame.subarray(48))} M`,
  ]);
});

test('AV1: elements with lengths, sizes of their own and a fragment across packets become one temporal unit', (t) => {
  const units = receive(av1Depacketiser, [
    // W 0: a delimiter, a sequence header with a size, and the beginning of a frame.
    { payload: hex('48 02 12 00 04 0a 02 aa bb 02 30 10'), timestamp: 0, marker: false },
    { payload: hex('90 01 02'), timestamp: 0, marker: true },
  ]);
  t.deepEqual(units.map(({ data, key }) => [toHex(data), key]), [[plain('0a 02 aabb 32 03 100102'), true]]);
});

test('AAC: a frame has its AU header, and fragments have the size of the whole', (t) => {
  t.deepEqual(cut(aacPacketiser({ ...AUDIO, maxPayloadBytes: 32 }), row(0, 20)), [`001000a0${toHex(row(0, 20))} M`]);
  t.deepEqual(cut(aacPacketiser({ ...AUDIO, maxPayloadBytes: 32 }), row(0, 50)), [`00100190${toHex(row(0, 25))}`, `00100190${toHex(row(25, 50))} M`]);
  t.deepEqual(cut(aacPacketiser({ ...AUDIO, mode: 'lbr' }), row(0, 5)), [`000814${toHex(row(0, 5))} M`]);
});

test('AAC: several frames of a packet have their own times', (t) => {
  const got = receive((emit) => aacDepacketiser(AUDIO, emit), [{ payload: hex('0020 0010 0018 aabb ccddee'), timestamp: 0xffffff00, marker: true }]);
  t.deepEqual(got.map(({ data, timestamp }) => [toHex(data), timestamp]), [['aabb', 0xffffff00], ['ccddee', 0x300]]);
});

test('AAC: interleaved frames, empty ones and headers past the end are malformed', (t) => {
  for (const text of ['0010 0011 aabb', '0010 0000 aabb', '0011 0010 aabb', '0000 aabb', '0020 0010']) {
    t.deepEqual(receive((emit) => aacDepacketiser(AUDIO, emit), [{ payload: hex(text), timestamp: 0, marker: true }]), []);
  }
});

test('LATM: the configuration is that of the session description, out of band or before each frame', (t) => {
  const codecConfig = hex('11 90');
  // Version 0, one frame, program and layer, AAC LC 48 kHz stereo, fullness unknown.
  t.is(toHex(encodeStreamMuxConfig(codecConfig)), '400023203fc0');
  t.deepEqual(parseStreamMuxConfig(hex('400023203fc0')), { subFrames: 1, audioSpecificConfig: codecConfig });
  t.deepEqual(cut(latmPacketiser({ ...AUDIO, codecConfig, configInBand: false }), hex('aabb')), ['02aabb M']);
  const [inBand] = sendUnits(latmPacketiser({ ...AUDIO, codecConfig, configInBand: true }), [{ data: hex('aabb'), key: true, timestamp: 0 }]);
  const depacketiser = new LatmDepacketiser({ ...AUDIO, configInBand: true }, ({ data }) => t.is(toHex(data), 'aabb'));
  depacketiser.push(inBand!.payload, 0, true, false);
  t.deepEqual(depacketiser.codecConfig, codecConfig);
  t.deepEqual(depacketiser.counters, { units: 1, damaged: 0, malformed: 0 });
});

test('LATM: several frames of an element have their own times', (t) => {
  // As above, with two frames an element.
  const got = receive((emit) => new LatmDepacketiser({ ...AUDIO, configInBand: false, muxConfig: hex('410023203fc0') }, emit), [{ payload: hex('02 aabb 01 cc'), timestamp: 0, marker: true }]);
  t.deepEqual(got.map(({ data, timestamp }) => [toHex(data), timestamp]), [['aabb', 0], ['cc', 1024]]);
});

test('sampled sound is cut to equal packets of at most 20 ms', (t) => {
  const sizes = (codec: 'pcmu' | 'g722' | 'g729' | 'l16', bytes: number, clockRateHz: number, channels = 1): unknown =>
    sendUnits(sampledPacketiser(codec, { clockRateHz, channels }), [{ data: new Uint8Array(bytes), key: true, timestamp: 0 }]).map(({ payload, timestamp }) => [payload.length, timestamp]);
  t.deepEqual(sizes('pcmu', 512, 8000), [[128, 0], [128, 128], [128, 256], [128, 384]]);
  t.deepEqual(sizes('g722', 320, 8000), [[160, 0], [160, 160]]);
  t.deepEqual(sizes('g729', 42, 8000), [[20, 0], [20, 160], [2, 320]]);
  t.deepEqual(sizes('l16', 3840, 48_000, 2), [[3840, 0]]);
  t.deepEqual(receive((emit) => sampledDepacketiser('g729', 1, emit), [20, 12, 2, 13].map((length) => ({ payload: new Uint8Array(length), timestamp: length, marker: false }))).map(({ timestamp }) => timestamp), [20, 12, 2]);
});
