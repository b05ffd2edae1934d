import fc from 'fast-check';
import { isKeySample as isAv1Key } from '../../core/formats/av1.ts';
import { isKeySample as isH264Key, joinNals } from '../../core/formats/h264.ts';
import { isKeySample as isHevcKey } from '../../core/formats/hevc.ts';
import { isKeySample as isVp9Key } from '../../core/formats/vp9.ts';
import { aacDepacketiser, aacPacketiser } from '../../core/rtp/payload/aac.ts';
import { encodeStreamMuxConfig } from '../../core/rtp/payload/latm-config.ts';
import { LatmDepacketiser, latmPacketiser } from '../../core/rtp/payload/latm.ts';
import type { PayloadDepacketiser, PayloadPacketiser, UnitSink } from '../../core/rtp/payload/payload-format.ts';
import { openDepacketiser, openPacketiser, type PayloadCodec } from '../../core/rtp/payload/payload-formats.ts';

/** What a test of all payload formats has to know of each. */
export interface FormatUnderTest {
  readonly name: string;
  readonly codec: PayloadCodec;
  readonly clockRateHz: number;
  readonly unit: fc.Arbitrary<{ readonly data: Uint8Array; readonly key: boolean }>;
  readonly ticksApart: number;
  /** Whether units too large for a payload are cut. */
  readonly cuts: boolean;
  packetiser(this: void, maxPayloadBytes: number): PayloadPacketiser;
  depacketiser(this: void, emit: UnitSink): PayloadDepacketiser;
}

type UnitArbitrary = FormatUnderTest['unit'];

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength, size: 'max' });
const audio = (data: fc.Arbitrary<Uint8Array>): UnitArbitrary => data.map((unit) => ({ data: unit, key: true }));

/** Delimiter and parameter sets, by which the beginning of an access unit is known after a loss, stand first and fit in one packet. */
function nalUnits(heads: readonly number[], slices: readonly number[], header: (type: number) => readonly number[], isKey: (sample: Uint8Array) => boolean): UnitArbitrary {
  const slice = fc.tuple(fc.constantFrom(...slices), bytes(1, 500)).map(([type, body]) => Uint8Array.of(...header(type), ...body));
  return fc
    .tuple(fc.subarray([...heads]), bytes(1, 4), fc.array(slice, { minLength: 1, maxLength: 3 }))
    .map(([head, body, rest]) => joinNals([...head.map((type) => Uint8Array.of(...header(type), ...body)), ...rest]))
    .map((data) => ({ data, key: isKey(data) }));
}

const h264Unit = nalUnits([9, 7, 8, 6], [1, 5], (type) => [0x60 | type], isH264Key);
const hevcUnit = nalUnits([35, 32, 33, 34, 39], [1, 19, 20, 21], (type) => [type << 1, 1], isHevcKey);
const vp8Unit = bytes(1, 1200).map((data) => ({ data, key: (data[0]! & 1) === 0 }));
const vp9Unit = fc.tuple(fc.constantFrom(0x82, 0x86), bytes(0, 1200)).map(([first, body]) => {
  const data = Uint8Array.of(first, ...body);
  return { data, key: isVp9Key(data) };
});

/** A low-overhead OBU with its size. */
function obu(type: number, body: Uint8Array): number[] {
  const size = body.length < 0x80 ? [body.length] : [0x80 | (body.length & 0x7f), body.length >> 7];
  return [(type << 3) | 0x02, ...size, ...body];
}

const av1Unit = fc
  .tuple(fc.boolean(), bytes(1, 20), fc.array(fc.tuple(fc.constantFrom(4, 5, 7, 15), bytes(0, 60)), { maxLength: 4 }), bytes(0, 1200))
  .map(([key, sequence, others, frame]) => {
    const head = key ? obu(1, sequence) : [];
    const data = Uint8Array.from([...head, ...obu(6, Uint8Array.of(key ? 0x10 : 0x30, ...frame)), ...others.flatMap(([type, body]) => obu(type, body))]);
    return { data, key: isAv1Key(data) };
  });

/** Codes 0 and 1 of any configuration are packets by their first byte alone. */
const opusUnit = audio(fc.tuple(fc.integer({ min: 0, max: 63 }), bytes(0, 300)).map(([toc, body]) => Uint8Array.of(toc << 2, ...body)));

function format(name: string, codec: PayloadCodec, clockRateHz: number, unit: UnitArbitrary, ticksApart: number, cuts = true): FormatUnderTest {
  return {
    name,
    codec,
    clockRateHz,
    unit,
    ticksApart,
    cuts,
    packetiser: (maxPayloadBytes) => openPacketiser(codec, { clockRateHz, maxPayloadBytes }),
    depacketiser: (emit) => openDepacketiser(codec, { clockRateHz }, emit),
  };
}

const AAC_LBR = { clockRateHz: 48_000, mode: 'lbr' } as const;

const AAC_LC_48K_STEREO = Uint8Array.of(0x11, 0x90);

function latm(name: string, configInBand: boolean): FormatUnderTest {
  const base = { clockRateHz: 48_000, configInBand };
  const muxConfig = configInBand ? {} : { muxConfig: encodeStreamMuxConfig(AAC_LC_48K_STEREO) };
  return {
    ...format(name, 'aac', 48_000, audio(bytes(1, 900)), 1024),
    packetiser: (maxPayloadBytes) => latmPacketiser({ ...base, codecConfig: AAC_LC_48K_STEREO, maxPayloadBytes }),
    depacketiser: (emit) => new LatmDepacketiser({ ...base, ...muxConfig }, emit),
  };
}

export const FORMATS: readonly FormatUnderTest[] = [
  format('H.264', 'h264', 90_000, h264Unit, 3000),
  format('HEVC', 'hevc', 90_000, hevcUnit, 3000),
  format('VP8', 'vp8', 90_000, vp8Unit, 3000),
  format('VP9', 'vp9', 90_000, vp9Unit, 3000),
  format('AV1', 'av1', 90_000, av1Unit, 3000),
  format('Opus', 'opus', 48_000, opusUnit, 960, false),
  format('AAC', 'aac', 48_000, audio(bytes(1, 900)), 1024),
  {
    ...format('AAC-lbr', 'aac', 48_000, audio(bytes(1, 63)), 1024),
    packetiser: (maxPayloadBytes) => aacPacketiser({ ...AAC_LBR, maxPayloadBytes }),
    depacketiser: (emit) => aacDepacketiser(AAC_LBR, emit),
  },
  latm('LATM with its configuration in band', true),
  latm('LATM with its configuration out of band', false),
  format('G.711', 'pcma', 8000, audio(bytes(1, 160)), 160, false),
  format('G.722', 'g722', 8000, audio(bytes(1, 160)), 160, false),
  format('G.729', 'g729', 8000, audio(fc.integer({ min: 0, max: 1 }).chain((frames) => fc.constantFrom(10 * frames + 10, 10 * frames + 2).chain((size) => bytes(size, size)))), 160, false),
  format('Speex', 'speex', 16_000, audio(bytes(1, 200)), 320, false),
];
