import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { FormatProbe } from '../../../core/rtp/payload/format-probe.ts';
import { KeyFramePackets } from '../../../core/rtp/payload/key-frame-packet.ts';
import { encodeStreamMuxConfig, parseStreamMuxConfig } from '../../../core/rtp/payload/latm-config.ts';
import { PayloadArena } from '../../../core/rtp/payload/payload-arena.ts';
import { FORMATS } from '../../support/rtp-formats.ts';
import { sendUnits } from '../../support/rtp-payload.ts';

const BOUNDS = { seed: 20_261_122, numRuns: 300, interruptAfterTimeLimit: 6000 };

const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 });
const anyBytes = fc.oneof(fc.uint8Array({ maxLength: 60 }), fc.uint8Array({ maxLength: 60, max: 0x13 }));

/** Bytes that begin like something real, and any others. */
function hostile(real: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const mutated = fc.tuple(real, edits, fc.nat()).map(([whole, changes, cut]) => {
    const bytes = whole.slice(0, cut % 5 === 0 ? cut % (whole.length + 1) : whole.length);
    for (const [at, byte] of changes) if (bytes.length > 0) bytes[at % Math.min(bytes.length, 12)] = byte;
    return bytes;
  });
  return fc.oneof({ weight: 3, arbitrary: mutated }, { weight: 1, arbitrary: anyBytes });
}

for (const { name, codec, unit, packetiser, depacketiser } of FORMATS) {
  const payload = fc.tuple(unit, fc.nat()).map(([{ data, key }, which]) => {
    const sent = sendUnits(packetiser(100), [{ data, key, timestamp: 0 }]);
    return sent[which % sent.length]!.payload;
  });
  const packet = fc.record({ payload: hostile(payload), step: fc.nat(2), marker: fc.boolean(), lost: fc.boolean() });
  const packets = fc.array(packet, { maxLength: 20 });

  test(`${name}: payloads of a hostile peer give bounded units and never throw`, (t) => {
    let units = 0;
    let dropped = 0;
    fc.assert(
      fc.property(packets, (stream) => {
        let bytesOut = 0;
        const assembled = depacketiser(({ data }) => (bytesOut += data.length));
        const probe = new FormatProbe(codec);
        const keys = new KeyFramePackets(codec);
        let timestamp = 0;
        let bytesIn = 0;
        for (const { payload: bytes, step, marker, lost } of stream) {
          timestamp += step;
          bytesIn += bytes.length;
          probe.observe(bytes);
          keys.isKey(bytes, timestamp);
          assembled.push(bytes, timestamp, marker, lost);
        }
        units += assembled.counters.units;
        dropped += assembled.counters.damaged;
        // A NAL unit of one byte in an aggregate has a prefix of four in place of two.
        return bytesOut <= 2 * bytesIn + 64;
      }),
      BOUNDS,
    );
    t.true(units > 0);
    t.true(dropped > 0 || codec === 'speex' || codec === 'pcma' || codec === 'g722');
  });

  test(`${name}: units of a hostile publisher give payloads or a ProtocolError`, (t) => {
    let refused = 0;
    let cut = 0;
    const arena = new PayloadArena(12);
    fc.assert(
      fc.property(hostile(unit.map(({ data }) => data)), fc.boolean(), (bytes, key) => {
        const target = packetiser(100);
        arena.reset(bytes.length);
        try {
          target.packetise(bytes, key, arena);
          cut += arena.count;
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          refused++;
        }
      }),
      BOUNDS,
    );
    t.true(cut > 0);
    t.true(refused > 0);
  });
}

test('configurations of LATM end in a configuration or a ProtocolError', (t) => {
  let read = 0;
  fc.assert(
    fc.property(hostile(fc.constant(encodeStreamMuxConfig(Uint8Array.of(0x11, 0x90)))), (bytes) => {
      try {
        if (parseStreamMuxConfig(bytes).audioSpecificConfig.length > bytes.length) throw new Error('longer than what it was read from');
        read++;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    BOUNDS,
  );
  t.true(read > 0);
});
