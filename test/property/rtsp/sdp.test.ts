import test from 'ava';
import fc from 'fast-check';
import { aacLcConfig, encodeAudioSpecificConfig } from '../../../core/formats/aac.ts';
import { encodeAvcConfig, parseAvcConfig } from '../../../core/formats/h264.ts';
import type { TrackDescriptor } from '../../../core/media/track.ts';
import { parseSdp } from '../../../plugins/rtsp/wire/sdp-read.ts';
import { describableTracks, encodeSdp } from '../../../plugins/rtsp/wire/sdp-write.ts';

/** A NAL unit of a type: long enough for the profile bytes of a parameter set. */
const nal = (type: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: 4, maxLength: 40 }).map((bytes) => Uint8Array.of(type, ...bytes));
const h264 = fc.record({ sps: fc.array(nal(0x67), { minLength: 1, maxLength: 3 }), pps: fc.array(nal(0x68), { minLength: 1, maxLength: 3 }) });
const video: fc.Arbitrary<Partial<TrackDescriptor>> = fc.oneof(
  h264.map(({ sps, pps }) => {
    const [, profileIdc = 0, profileCompatibility = 0, levelIdc = 0] = sps[0] ?? [];
    return { codec: 'h264' as const, codecConfig: encodeAvcConfig({ profileIdc, profileCompatibility, levelIdc, lengthSize: 4, sps, pps }) };
  }),
  fc.constantFrom('h264' as const, 'hevc' as const, 'vp8' as const, 'vp9' as const, 'av1' as const).map((codec) => ({ codec })),
);
const audio: fc.Arbitrary<Partial<TrackDescriptor>> = fc.oneof(
  fc.tuple(fc.constantFrom(8000, 16_000, 44_100, 48_000), fc.integer({ min: 1, max: 2 })).map(([clockRateHz, channels]) => ({ codec: 'aac' as const, clockRateHz, channels, codecConfig: encodeAudioSpecificConfig(aacLcConfig(clockRateHz, channels)) })),
  fc.integer({ min: 1, max: 2 }).map((channels) => ({ codec: 'opus' as const, clockRateHz: 48_000, channels })),
  fc.tuple(fc.constantFrom('pcma' as const, 'pcmu' as const), fc.constantFrom(8000, 16_000), fc.integer({ min: 1, max: 2 })).map(([codec, clockRateHz, channels]) => ({ codec, clockRateHz, channels })),
  fc.tuple(fc.constantFrom(8000, 16_000, 32_000), fc.integer({ min: 1, max: 2 })).map(([clockRateHz, channels]) => ({ codec: 'speex' as const, clockRateHz, channels })),
  fc.constantFrom('g722' as const, 'g729' as const).map((codec) => ({ codec, clockRateHz: 8000, channels: 1 })),
);
const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const setsOf = (avcC: Uint8Array): string[] => [parseAvcConfig(avcC)].flatMap(({ sps, pps }) => [...sps, ...pps].map(toHex));
const track = (kind: 'video' | 'audio', facts: Partial<TrackDescriptor>, at: number): TrackDescriptor => ({ id: at === 0 ? kind : `${kind}${at + 1}`, kind, codec: 'vp8', clockRateHz: 90_000, revision: 0, ...facts });
const tracks = fc
  .tuple(fc.array(video, { maxLength: 3 }), fc.array(audio, { maxLength: 3 }))
  .map(([pictures, sounds]) => [...pictures.map((facts, at) => track('video', facts, at)), ...sounds.map((facts, at) => track('audio', facts, at))])
  .filter((list) => list.length > 0);
const name = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);

test('what is described is read again: tracks, clocks, channels, configurations and addresses, whatever ends the lines', (t) => {
  fc.assert(
    fc.property(tracks, name, fc.constantFrom(4 as const, 6 as const), fc.constantFrom('\r\n', '\n', '\r'), fc.option(fc.constant('npt=0.000-20.000'), { nil: undefined }), (list, title, family, lineEnd, range) => {
      const described = describableTracks(list);
      const text = encodeSdp({ id: 1, name: title, family, ...(range === undefined ? {} : { range }) }, described).replaceAll('\r\n', lineEnd);
      const read = parseSdp(text);
      t.deepEqual(read.leftOut, []);
      t.deepEqual(read.tracks.map(({ id, codec, clockRateHz, control }) => [id, codec, clockRateHz, control]), described.map(({ track: { id, codec, clockRateHz }, control }) => [id, codec, clockRateHz, control]));
      for (const [at, { codec, codecConfig, channels }] of list.entries()) {
        const { format, parameterSets = [] } = read.tracks[at] ?? {};
        if (codec === 'aac') t.deepEqual([...(format?.codecConfig ?? [])], [...(codecConfig ?? [])]);
        if (codec === 'h264' && codecConfig !== undefined) t.deepEqual(parameterSets.map(toHex), setsOf(codecConfig));
        if (codec === 'pcma' || codec === 'pcmu' || codec === 'speex') t.is(format?.channels, channels);
      }
      t.is(text.includes('a=range:'), range !== undefined);
    }),
    { numRuns: 300 },
  );
});
