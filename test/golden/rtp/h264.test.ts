import test from 'ava';
import { avcConfigOf, encodeAvcConfig, joinNals } from '../../../core/formats/h264.ts';
import { h264Depacketiser, h264Packetiser, type H264PacketiserOptions } from '../../../core/rtp/payload/h264.ts';
import { hex, receive, sendUnits, toHex } from '../../support/rtp-payload.ts';

const CLOCK = { clockRateHz: 90_000 };
const SPS = hex('67 42 c0 1f da 01 40 16 ec 04 40 00 00 03 00 40 00 00 0f 03 c6 0c a8');
const PPS = hex('68 ce 3c 80');
const CONFIG = encodeAvcConfig(avcConfigOf([SPS], [PPS]));
const IDR = hex('65 88 84 21');
const SLICE = hex('41 9a 02');

function payloads(nals: readonly Uint8Array[], key: boolean, options: Partial<H264PacketiserOptions> = {}): string[] {
  const sent = sendUnits(h264Packetiser({ ...CLOCK, ...options }), [{ data: joinNals(nals), key, timestamp: 0 }]);
  return sent.map(({ payload, marker }) => `${toHex(payload)}${marker ? ' M' : ''}`);
}

test('one NAL unit goes as it is, with the marker', (t) => {
  t.deepEqual(payloads([SLICE], false), ['419a02 M']);
});

test('parameter sets and a small key picture share a STAP-A with the greatest NRI', (t) => {
  t.deepEqual(payloads([IDR], true, { codecConfig: CONFIG }), [`780017${toHex(SPS)}0004${toHex(PPS)}000465888421 M`]);
});

test('a delimiter stays before the parameter sets that are added', (t) => {
  const [first] = payloads([hex('09 f0'), IDR], true, { codecConfig: CONFIG });
  t.true(first!.startsWith('78000209f0001767'));
});

test('parameter sets in the sample are not doubled', (t) => {
  t.is(payloads([SPS, PPS, IDR], true, { codecConfig: CONFIG })[0], payloads([IDR], true, { codecConfig: CONFIG })[0]);
});

test('a large NAL unit goes in FU-A fragments of one size', (t) => {
  const body = Uint8Array.from({ length: 70 }, (_, index) => index);
  const cut = payloads([Uint8Array.of(0x65, ...body)], false, { maxPayloadBytes: 32 });
  t.deepEqual(cut, [
    `7c85${toHex(body.subarray(0, 24))}`,
    `7c05${toHex(body.subarray(24, 48))}`,
    `7c45${toHex(body.subarray(48))} M`,
  ]);
});

test('packetization mode 0 sends every NAL unit alone', (t) => {
  const large = new Uint8Array(2000).fill(0x41);
  t.deepEqual(payloads([SPS, large], false, { packetizationMode: 0 }), [toHex(SPS), `${toHex(large)} M`]);
});

test('single NAL units, a STAP-A and FU-A of one timestamp become one length-prefixed sample', (t) => {
  const sent = [`78 0017 ${toHex(SPS)} 0004 ${toHex(PPS)}`, '06 05 01 80', '7c 85 88 84', '7c 05 aa', '7c 45 bb'];
  const open = (emit: Parameters<typeof h264Depacketiser>[1]): ReturnType<typeof h264Depacketiser> => h264Depacketiser(CLOCK, emit);
  const units = receive(open, sent.map((text, index) => ({ payload: hex(text), timestamp: 900, marker: index === sent.length - 1 })));
  t.is(units.length, 1);
  t.is(toHex(units[0]!.data), toHex(joinNals([SPS, PPS, hex('06 05 01 80'), hex('65 88 84 aa bb')])));
  t.true(units[0]!.key);
  t.is(units[0]!.timestamp, 900);
});

test('parameter sets that the track has are left out of the sample, new ones are kept', (t) => {
  const other = hex('68 ce 38 80');
  const [unit] = receive((emit) => h264Depacketiser({ ...CLOCK, codecConfig: CONFIG }, emit), [
    { payload: SPS, timestamp: 0, marker: false },
    { payload: other, timestamp: 0, marker: false },
    { payload: IDR, timestamp: 0, marker: true },
  ]);
  t.is(toHex(unit!.data), toHex(joinNals([other, IDR])));
});

test('payloads of interleaved modes and reserved types damage their access unit only', (t) => {
  for (const type of [0, 25, 26, 27, 29, 30, 31]) {
    const units = receive((emit) => h264Depacketiser(CLOCK, emit), [
      { payload: SLICE, timestamp: 0, marker: false },
      { payload: Uint8Array.of(0x60 | type, 0, 0, 0, 0, 1, 0x41), timestamp: 0, marker: true },
      { payload: SLICE, timestamp: 1, marker: true },
    ]);
    t.deepEqual(units.map(({ timestamp }) => timestamp), [1]);
  }
});
