import test from 'ava';
import fc from 'fast-check';
import { MIN_MAX_PAYLOAD_BYTES } from '../../../core/rtp/payload/payload-format.ts';
import { FORMATS } from '../../support/rtp-formats.ts';
import { receive, sendUnits, toHex, type SentUnit } from '../../support/rtp-payload.ts';

const maxPayload = fc.integer({ min: MIN_MAX_PAYLOAD_BYTES, max: 200 });
const firstTimestamp = fc.constantFrom(0, 0xffffe000);

for (const { name, unit, packetiser, depacketiser, ticksApart, cuts } of FORMATS) {
  const units = fc.tuple(fc.array(unit, { minLength: 1, maxLength: 8 }), firstTimestamp).map(([list, first]): SentUnit[] =>
    list.map(({ data, key }, index) => ({ data, key, timestamp: (first + index * ticksApart) >>> 0 })),
  );
  const asText = (list: readonly { data: Uint8Array; key: boolean; timestamp: number }[]): string[] =>
    list.map(({ data, key, timestamp }) => `${timestamp} ${key} ${toHex(data)}`);

  test(`${name}: any units come out of their packets as they went in`, (t) => {
    fc.assert(
      fc.property(units, maxPayload, (sent, max) => {
        const payloads = sendUnits(packetiser(max), sent);
        if (cuts) t.true(payloads.every(({ payload }) => payload.length <= max));
        t.is(asText(receive(depacketiser, payloads)).join('\n'), asText(sent).join('\n'));
      }),
    );
  });

  test(`${name}: loss makes units missing, never wrong`, (t) => {
    let missing = 0;
    let emitted = 0;
    fc.assert(
      fc.property(units, maxPayload, fc.array(fc.boolean(), { minLength: 64, maxLength: 64 }), (sent, max, losses) => {
        const payloads = sendUnits(packetiser(max), sent);
        // The first packet always arrives: joining a stream is another matter than losing some of it.
        const isLost = (index: number): boolean => index > 0 && losses[index % 64] === true && losses[(index + 7) % 64] === true;
        const got = asText(receive(depacketiser, payloads, isLost));
        const expected = asText(sent);
        let from = 0;
        for (const text of got) {
          from = expected.indexOf(text, from) + 1;
          if (from === 0) return false;
        }
        missing += sent.length - got.length;
        emitted += got.length;
        return true;
      }),
      { numRuns: 300 },
    );
    t.true(missing > 0);
    t.true(emitted > 0);
  });

  test(`${name}: damaged payloads never throw and never make more than the limits`, (t) => {
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat(255)), { maxLength: 12 });
    fc.assert(
      fc.property(units, maxPayload, edits, fc.nat(), (sent, max, changes, cut) => {
        const payloads = sendUnits(packetiser(max), sent).map((packet) => ({ ...packet, payload: packet.payload.slice() }));
        for (const [which, at, byte] of changes) {
          const { payload } = payloads[which % payloads.length]!;
          if (payload.length > 0) payload[at % payload.length] = byte;
        }
        const index = cut % payloads.length;
        payloads[index] = { ...payloads[index]!, payload: payloads[index]!.payload.subarray(0, cut % 40) };
        const size = payloads.reduce((sum, { payload }) => sum + payload.length, 0);
        const out = receive(depacketiser, payloads);
        // Length prefixes are all that a depacketiser adds.
        return out.reduce((sum, { data }) => sum + data.length, 0) <= 4 * size + 64;
      }),
    );
    t.pass();
  });
}
