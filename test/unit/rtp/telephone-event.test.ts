import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { parseTelephoneEvent, TelephoneEventReader, telephoneEventPackets, type KeyPress } from '../../../core/rtp/payload/telephone-event.ts';
import { hex, toHex } from '../../support/rtp-payload.ts';

test('a key press is sent with its growing duration and a threefold end', (t) => {
  const packets = telephoneEventPackets('#', 1000, 400);
  t.deepEqual(packets.map(({ payload, marker, dueTicks }) => [toHex(payload), marker, dueTicks]), [
    ['0b0a0190', true, 400], ['0b0a0320', false, 800], ['0b8a03e8', false, 1000], ['0b8a03e8', false, 1400], ['0b8a03e8', false, 1800],
  ]);
  t.throws(() => telephoneEventPackets('E', 1000, 400), { instanceOf: RangeError });
  t.throws(() => telephoneEventPackets('12', 1000, 400), { instanceOf: RangeError });
});

test('a key press is told once, whichever of its packets arrive', (t) => {
  const first = telephoneEventPackets('1', 1000, 400);
  const second = telephoneEventPackets('1', 800, 400);
  for (let lost = 0; lost < 2 ** 4; lost++) {
    const presses: KeyPress[] = [];
    const reader = new TelephoneEventReader((press) => void presses.push(press));
    first.forEach(({ payload }, index) => { if ((lost & (1 << index)) === 0) reader.push(payload, 100); });
    second.forEach(({ payload }) => reader.push(payload, 9000));
    t.deepEqual(presses.map(({ event, timestamp }) => [event, timestamp]), [[1, 100], [1, 9000]]);
    t.is(presses[1]!.durationTicks, 800);
  }
});

test('fields are read, and a short payload is refused', (t) => {
  t.deepEqual(parseTelephoneEvent(hex('0a ff 12 34')), { event: 10, end: true, volume: 63, durationTicks: 0x1234 });
  t.throws(() => parseTelephoneEvent(hex('0a ff 12')), { instanceOf: ProtocolError });
});
