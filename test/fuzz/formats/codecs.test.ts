import * as aac from '../../../core/formats/aac.ts';
import * as av1 from '../../../core/formats/av1.ts';
import * as h264 from '../../../core/formats/h264.ts';
import * as hevc from '../../../core/formats/hevc.ts';
import { parseMp3Header } from '../../../core/formats/mp3.ts';
import * as opus from '../../../core/formats/opus.ts';
import * as vp8 from '../../../core/formats/vp8.ts';
import * as vp9 from '../../../core/formats/vp9.ts';
import aacData from '../../golden/data/aac.json';
import av1Data from '../../golden/data/av1.json';
import h264Data from '../../golden/data/h264.json';
import hevcData from '../../golden/data/hevc.json';
import opusData from '../../golden/data/opus.json';
import vp9Data from '../../golden/data/vp9.json';
import { fuzzParsers, type ParserTargets } from '../../support/fuzz-parsers.ts';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const first = (data: { samples: { hex: string }[] }): Uint8Array => bytes(data.samples[0]?.hex ?? '');

const avc = h264.parseAvcConfig(bytes(h264Data.config));
const hvc = hevc.parseHevcConfig(bytes(hevcData.config));
const av1c = bytes(av1Data.config);

/** Each parser with bytes that it takes, to be mutated. */
const targets: ParserTargets = {
  'an avcC': [h264.parseAvcConfig, bytes(h264Data.config)],
  'an H.264 SPS': [h264.parseSps, avc.sps[0]!],
  'an H.264 sample': [(input) => [h264.isKeySample(input), h264.lengthPrefixedToAnnexB(input)], first(h264Data)],
  'an H.264 byte stream': [h264.annexBToLengthPrefixed, h264.lengthPrefixedToAnnexB(first(h264Data))],
  'an hvcC': [hevc.parseHevcConfig, bytes(hevcData.config)],
  'an HEVC SPS': [hevc.parseSps, hevc.nalsOfType(hvc, hevc.NAL_TYPE.sps)[0]!],
  'an HEVC sample': [(input) => [hevc.isKeySample(input), hevc.lengthPrefixedToAnnexB(input)], first(hevcData)],
  'an av1C': [(input) => av1.sequenceHeaderOf(av1.parseAv1Config(input).configObus), av1c],
  'an AV1 sample': [(input) => [av1.isKeySample(input), av1.av1ConfigOf(input)], first(av1Data)],
  'a vpcC': [vp9.parseVpConfig, bytes(vp9Data.config)],
  'a VP9 key frame': [vp9.parseVp9KeyFrame, first(vp9Data).slice(0, 40)],
  'a VP8 key frame': [vp8.parseVp8KeyFrame, bytes('1000009d012aa2005a00')],
  'an AudioSpecificConfig': [aac.parseAudioSpecificConfig, bytes(aacData.config)],
  'an ADTS header': [(input) => aac.aacConfigOfAdts(aac.parseAdtsHeader(input)), bytes(aacData.adts).slice(0, 7)],
  'an OpusHead': [opus.parseOpusHead, bytes(opusData.opusHead)],
  'a dOps': [opus.parseDops, bytes(opusData.config)],
  'an Opus packet': [opus.opusPacketSamples, first(opusData)],
  'an MP3 header': [parseMp3Header, bytes('fffb54c4')],
};

fuzzParsers(targets, { runs: 400, seed: 20260 });
