import test from 'ava';
import fc from 'fast-check';
import * as aac from '../../../core/formats/aac.ts';
import { removeEmulationPrevention } from '../../../core/formats/bit-reader.ts';
import * as h264 from '../../../core/formats/h264.ts';
import * as opus from '../../../core/formats/opus.ts';

/** A unit as an encoder makes it: no start code inside, no zero at the end. */
const nal = fc.uint8Array({ minLength: 1, maxLength: 60 }).map((raw) => {
  const unit = [0x41];
  for (const byte of raw) unit.push(byte <= 3 && unit.at(-1) === 0 && unit.at(-2) === 0 ? 0x80 : byte);
  return Uint8Array.from([...unit, 0x80]);
});

test('any NAL units survive the way to a byte stream and back', (t) => {
  fc.assert(
    fc.property(fc.array(nal, { minLength: 1 }), (nals) => {
      const stream = h264.lengthPrefixedToAnnexB(h264.joinNals(nals), { accessUnitDelimiter: false });
      t.deepEqual(h264.listNals(new h264.AnnexBCursor(stream)), nals);
      t.deepEqual(h264.annexBToLengthPrefixed(stream), h264.joinNals(nals));
    }),
  );
});

test('emulation prevention that an encoder adds is removed again', (t) => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 80 }), (tail) => {
      const rbsp = [0x67, ...tail];
      const escaped: number[] = [];
      let zeros = 0;
      for (const byte of rbsp) {
        if (zeros >= 2 && byte <= 3) {
          escaped.push(3);
          zeros = 0;
        }
        escaped.push(byte);
        zeros = byte === 0 ? zeros + 1 : 0;
      }
      t.deepEqual([...removeEmulationPrevention(Uint8Array.from(escaped))], rbsp);
    }),
  );
});

test('any AAC configuration is read back as written', (t) => {
  const rate = fc.oneof(fc.constantFrom(...aac.AAC_SAMPLE_RATES_HZ), fc.integer({ min: 1, max: 0xffffff }));
  const config = fc.record(
    {
      objectType: fc.constantFrom(1, 2, 4, 23),
      sampleRateHz: rate,
      channelConfiguration: fc.integer({ min: 1, max: 7 }),
      samplesPerFrame: fc.constantFrom(960, 1024),
      sbr: fc.record({ sampleRateHz: rate, parametricStereo: fc.boolean() }, { noNullPrototype: true }),
    },
    { requiredKeys: ['objectType', 'sampleRateHz', 'channelConfiguration', 'samplesPerFrame'], noNullPrototype: true },
  );
  fc.assert(
    fc.property(config, (written) => {
      const { channels, ...read } = aac.parseAudioSpecificConfig(aac.encodeAudioSpecificConfig(written));
      t.deepEqual(read, written);
      t.is(channels, written.channelConfiguration === 7 ? 8 : written.channelConfiguration);
    }),
  );
});

test('any Opus configuration is read back as written, in both forms', (t) => {
  const config = fc.integer({ min: 1, max: 255 }).chain((channels) =>
    fc.record({
      channels: fc.constant(channels),
      preSkip: fc.nat(0xffff),
      inputSampleRateHz: fc.nat(0xffffffff),
      outputGain: fc.integer({ min: -0x8000, max: 0x7fff }),
      mapping: fc.record({
        family: fc.integer({ min: 1, max: 255 }),
        streamCount: fc.nat(255),
        coupledCount: fc.nat(255),
        table: fc.uint8Array({ minLength: channels, maxLength: channels }),
      }, { noNullPrototype: true }),
    }, { noNullPrototype: true }),
  );
  fc.assert(
    fc.property(config, (written) => {
      t.deepEqual(opus.parseDops(opus.encodeDops(written)), written);
      t.deepEqual(opus.parseOpusHead(opus.encodeOpusHead(written)), written);
    }),
  );
});
