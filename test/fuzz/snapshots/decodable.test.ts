import { decodableOf } from '../../../plugins/snapshots/wire/decodable.ts';
import av1Data from '../../golden/data/av1.json';
import h264Data from '../../golden/data/h264.json';
import hevcData from '../../golden/data/hevc.json';
import { fuzzParsers } from '../../support/fuzz-parsers.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const first = (data: { samples: { hex: string }[] }): Uint8Array => bytes(data.samples[0]?.hex ?? '');

fuzzParsers(
  {
    'an H.264 key frame': [(input) => decodableOf('h264', input, bytes(h264Data.config)), first(h264Data)],
    'an H.264 configuration': [(input) => decodableOf('h264', first(h264Data), input), bytes(h264Data.config)],
    'an HEVC key frame': [(input) => decodableOf('hevc', input, bytes(hevcData.config)), first(hevcData)],
    'an HEVC configuration': [(input) => decodableOf('hevc', first(hevcData), input), bytes(hevcData.config)],
    'an AV1 key frame': [(input) => decodableOf('av1', input, bytes(av1Data.config)), first(av1Data)],
    'an AV1 configuration': [(input) => decodableOf('av1', Uint8Array.of(0x32, 1, 0x10), input), bytes(av1Data.config)],
  },
  { runs: 400, seed: 20 },
);
