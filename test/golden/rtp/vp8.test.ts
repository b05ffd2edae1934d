import test from 'ava';
import { parseVp8Descriptor, vp8Depacketiser, vp8Packetiser } from '../../../core/rtp/payload/vp8.ts';
import { hex, receive, sendUnits, toHex } from '../../support/rtp-payload.ts';

test('frames carry 15-bit picture ids, and S on their first packet', (t) => {
  const packetiser = vp8Packetiser({ clockRateHz: 90_000, maxPayloadBytes: 32 });
  const data = Uint8Array.from({ length: 50 }, (_, index) => index);
  const sent = sendUnits(packetiser, [{ data, key: true, timestamp: 0 }, { data: Uint8Array.of(1, 2), key: false, timestamp: 3000 }]);
  t.deepEqual(
    sent.map(({ payload, marker }) => [toHex(payload), marker]),
    [
      [`90808000${toHex(data.subarray(0, 25))}`, false],
      [`80808000${toHex(data.subarray(25))}`, true],
      ['908080010102', true],
    ],
  );
});

test('every field of the descriptor is read', (t) => {
  t.deepEqual(parseVp8Descriptor(hex('10 aa')), { length: 1, nonReference: false, startsFrame: true });
  t.deepEqual(parseVp8Descriptor(hex('a1 80 11 aa')), { length: 3, nonReference: true, startsFrame: false, pictureId: 17 });
  t.deepEqual(parseVp8Descriptor(hex('90 f0 ff ff 07 6a aa')), {
    length: 6, nonReference: false, startsFrame: true, pictureId: 0x7fff, tl0PicIdx: 7, temporalId: 1, layerSync: true, keyIdx: 10,
  });
  t.is(parseVp8Descriptor(hex('90 f0 ff ff 07')), undefined);
});

test('a packet of another picture damages the frame', (t) => {
  const units = receive(vp8Depacketiser, [
    { payload: hex('90 80 01 00 00'), timestamp: 0, marker: false },
    { payload: hex('80 80 02 00 00'), timestamp: 0, marker: true },
  ]);
  t.deepEqual(units, []);
});

test('a partition begun later in the frame is no new frame', (t) => {
  const [unit] = receive(vp8Depacketiser, [
    { payload: hex('10 00 aa'), timestamp: 0, marker: false },
    { payload: hex('11 bb'), timestamp: 0, marker: true },
  ]);
  t.is(toHex(unit!.data), '00aabb');
  t.true(unit!.key);
});
