import test from 'ava';
import { av1ConfigOf, encodeAv1Config } from '../../../core/formats/av1.ts';
import { avcConfigOf, encodeAvcConfig, joinNals } from '../../../core/formats/h264.ts';
import { parseDops } from '../../../core/formats/opus.ts';
import { parseVpConfig } from '../../../core/formats/vp9.ts';
import { FormatProbe } from '../../../core/rtp/payload/format-probe.ts';
import { isKeyFramePacket, KeyFramePackets } from '../../../core/rtp/payload/key-frame-packet.ts';
import { openPacketiser, type PayloadCodec } from '../../../core/rtp/payload/payload-formats.ts';
import { hex, sendUnits, toHex } from '../../support/rtp-payload.ts';

const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 03 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const OTHER_PPS = hex('68 ce 38 80');
const HEVC_VPS = hex('40 01 0c 01 ff ff 01 60 00 00 03 00 90 00 00 03 00 00 03 00 5d ba 02 40');
const HEVC_SPS = hex('42 01 01 01 60 00 00 03 00 90 00 00 03 00 00 03 00 5d a0 02 80 80 2d 16 5b a4 a4 c2 f0 16 80 80 00 00 03 00 80 00 00 0f 04');
const HEVC_PPS = hex('44 01 c0 73 c1 89 27');

function payloadsOf(codec: PayloadCodec, data: Uint8Array, key: boolean, maxPayloadBytes?: number): Uint8Array[] {
  return sendUnits(openPacketiser(codec, { clockRateHz: 90_000, maxPayloadBytes }), [{ data, key, timestamp: 0 }]).map(({ payload }) => payload);
}

test('H.264 facts come once with the parameter sets, and again when they change', (t) => {
  const probe = new FormatProbe('h264');
  const idr = hex('65 88 84');
  const [stapA] = payloadsOf('h264', joinNals([SPS, PPS, idr]), true);
  t.is(probe.observe(idr), undefined);
  const facts = probe.observe(stapA!);
  t.is(toHex(facts!.codecConfig!), toHex(encodeAvcConfig(avcConfigOf([SPS], [PPS]))));
  t.deepEqual({ ...facts, codecConfig: undefined }, { width: 1280, height: 720, hasBFrames: false, codecConfig: undefined });
  t.is(probe.observe(stapA!), undefined);
  t.is(probe.observe(hex('41 9a')), undefined);
  t.is(toHex(probe.observe(OTHER_PPS)!.codecConfig!), toHex(encodeAvcConfig(avcConfigOf([SPS], [OTHER_PPS]))));
});

test('parameter sets in packets of their own are told once, when the last of them is there', (t) => {
  const probe = new FormatProbe('h264');
  t.is(probe.observe(SPS), undefined);
  t.not(probe.observe(PPS), undefined);
  t.is(probe.observe(hex('67 42 c0 1f ff')), undefined);
  t.is(probe.observe(PPS), undefined, 'a broken parameter set tells nothing');
  t.is(probe.observe(SPS), undefined);
  t.is(probe.observe(PPS), undefined, 'the same format as before');
});

test('HEVC facts come with VPS, SPS and PPS', (t) => {
  const probe = new FormatProbe('hevc');
  const [aggregate] = payloadsOf('hevc', joinNals([HEVC_VPS, HEVC_SPS, HEVC_PPS, hex('26 01 aa')]), true);
  const facts = probe.observe(aggregate!)!;
  t.deepEqual([facts.width, facts.height, facts.hasBFrames], [1280, 720, false]);
  t.is(facts.codecConfig![0], 1);
});

test('VP8 and VP9 facts come with the header of a key frame', (t) => {
  const vp8 = new FormatProbe('vp8');
  const vp8Key = hex('10 02 00 9d 01 2a 80 02 e0 01 aa bb');
  t.deepEqual(vp8.observe(payloadsOf('vp8', vp8Key, true)[0]!), { width: 640, height: 480, hasBFrames: false });
  t.is(vp8.observe(payloadsOf('vp8', hex('11 02 00'), false)[0]!), undefined);
  const vp9 = new FormatProbe('vp9');
  // Profile 0, key, shown: sync code, colour space 1, 640 x 480.
  const vp9Key = hex('82 49 83 42 20 27 f0 1d f0 00');
  const facts = vp9.observe(payloadsOf('vp9', vp9Key, true)[0]!)!;
  t.deepEqual([facts.width, facts.height, parseVpConfig(facts.codecConfig!).bitDepth], [640, 480, 8]);
});

test('AV1 facts come with the sequence header of a new coded video sequence', (t) => {
  const sequence = hex('0a 0b 00 00 00 04 3c ff bc ff f9 80 40');
  const sample = Uint8Array.from([...sequence, ...hex('32 04 10 01 02 03')]);
  const [payload] = payloadsOf('av1', sample, true);
  const facts = new FormatProbe('av1').observe(payload!)!;
  t.is(toHex(facts.codecConfig!), toHex(encodeAv1Config(av1ConfigOf(sample)!)));
  t.true(facts.width! > 0 && facts.height! > 0);
});

test('Opus is mono until the first stereo packet', (t) => {
  const probe = new FormatProbe('opus');
  t.is(parseDops(probe.observe(hex('78 01'))!.codecConfig!).channels, 1);
  t.is(probe.observe(hex('7c 01'))!.channels, 2);
  t.is(probe.observe(hex('78 01')), undefined);
});

test('every packet of a key frame is known, by itself or by its timestamp', (t) => {
  const big = new Uint8Array(100);
  const cases: readonly (readonly [PayloadCodec, Uint8Array, Uint8Array])[] = [
    ['h264', joinNals([SPS, PPS, Uint8Array.of(0x65, ...big)]), joinNals([Uint8Array.of(0x41, ...big)])],
    ['hevc', joinNals([HEVC_PPS, Uint8Array.of(0x26, 1, ...big)]), joinNals([Uint8Array.of(0x02, 1, ...big)])],
    ['vp8', Uint8Array.of(0x10, ...big), Uint8Array.of(0x11, ...big)],
    ['vp9', Uint8Array.of(0x82, ...big), Uint8Array.of(0x86, ...big)],
    ['av1', Uint8Array.of(0x32, 101, 0x10, ...big), Uint8Array.of(0x32, 101, 0x30, ...big)],
    ['opus', hex('78'), hex('7c')],
  ];
  for (const [codec, key, inter] of cases) {
    const packets = new KeyFramePackets(codec);
    const keys = payloadsOf(codec, key, true, 40);
    t.true(keys.every((payload) => packets.isKey(payload, 1000)), codec);
    t.true(isKeyFramePacket(codec, keys[0]!));
    const others = payloadsOf(codec, inter, false, 40);
    t.is(others.some((payload) => packets.isKey(payload, 4000)), codec === 'opus', codec);
  }
});
