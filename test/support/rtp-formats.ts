import fc from 'fast-check';
import { isKeySample as isH264Key, joinNals } from '../../core/formats/h264.ts';
import { h264Depacketiser, h264Packetiser } from '../../core/rtp/payload/h264.ts';
import { opusDepacketiser, opusPacketiser } from '../../core/rtp/payload/opus.ts';
import type { PayloadDepacketiser, PayloadPacketiser, UnitSink } from '../../core/rtp/payload/payload-format.ts';
import { vp8Depacketiser, vp8Packetiser } from '../../core/rtp/payload/vp8.ts';

/** What a test of all payload formats has to know of each. */
interface FormatUnderTest {
  readonly name: string;
  readonly unit: fc.Arbitrary<{ readonly data: Uint8Array; readonly key: boolean }>;
  readonly ticksApart: number;
  /** Whether units too large for a payload are cut. */
  readonly cuts: boolean;
  packetiser(maxPayloadBytes: number): PayloadPacketiser;
  depacketiser(this: void, emit: UnitSink): PayloadDepacketiser;
}

const VIDEO_CLOCK = 90_000;
const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength, size: 'max' });

function h264Nal(...types: number[]): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.constantFrom(...types), fc.integer({ min: 0, max: 3 }), bytes(1, 500)).map(([type, nri, body]) => Uint8Array.of((nri << 5) | type, ...body));
}

/** Delimiter and SPS, by which the beginning of an access unit is known after a loss, stand first and fit in one packet. */
const h264Unit = fc
  .tuple(fc.subarray([9, 7, 8, 6]), bytes(1, 8), fc.array(h264Nal(1, 5), { minLength: 1, maxLength: 3 }))
  .map(([head, body, slices]) => joinNals([...head.map((type) => Uint8Array.of(type, ...body)), ...slices]))
  .map((data) => ({ data, key: isH264Key(data) }));

const vp8Unit = bytes(1, 1200).map((data) => ({ data, key: (data[0]! & 1) === 0 }));

/** Codes 0 and 1 of any configuration are packets by their first byte alone. */
const opusUnit = fc.tuple(fc.integer({ min: 0, max: 63 }), bytes(0, 300)).map(([toc, body]) => ({ data: Uint8Array.of(toc << 2, ...body), key: true }));

export const FORMATS: readonly FormatUnderTest[] = [
  {
    name: 'H.264',
    unit: h264Unit,
    ticksApart: 3000,
    cuts: true,
    packetiser: (maxPayloadBytes) => h264Packetiser({ clockRateHz: VIDEO_CLOCK, maxPayloadBytes }),
    depacketiser: (emit) => h264Depacketiser({ clockRateHz: VIDEO_CLOCK }, emit),
  },
  {
    name: 'VP8',
    unit: vp8Unit,
    ticksApart: 3000,
    cuts: true,
    packetiser: (maxPayloadBytes) => vp8Packetiser({ clockRateHz: VIDEO_CLOCK, maxPayloadBytes }),
    depacketiser: vp8Depacketiser,
  },
  { name: 'Opus', unit: opusUnit, ticksApart: 960, cuts: false, packetiser: opusPacketiser, depacketiser: opusDepacketiser },
];
