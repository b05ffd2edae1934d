import test from 'ava';
import * as aac from '../../../core/formats/aac.ts';
import * as av1 from '../../../core/formats/av1.ts';
import * as h264 from '../../../core/formats/h264.ts';
import * as hevc from '../../../core/formats/hevc.ts';
import * as mp3 from '../../../core/formats/mp3.ts';
import * as opus from '../../../core/formats/opus.ts';
import * as vp8 from '../../../core/formats/vp8.ts';
import * as vp9 from '../../../core/formats/vp9.ts';
import aacData from '../data/aac.json';
import av1Data from '../data/av1.json';
import h264Data from '../data/h264.json';
import hevcData from '../data/hevc.json';
import mp3Data from '../data/mp3.json';
import opusData from '../data/opus.json';
import vp8Data from '../data/vp8.json';
import vp9Data from '../data/vp9.json';

const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, 'hex'));
const keysOf = (data: { samples: { key: boolean }[] }): boolean[] => data.samples.map(({ key }) => key);
const samplesOf = (data: { samples: { hex: string }[] }): Uint8Array[] => data.samples.map(({ hex }) => bytes(hex));

test('an avcC of x264 is read, written back to the byte and named', (t) => {
  const config = h264.parseAvcConfig(bytes(h264Data.config));
  t.deepEqual(h264.encodeAvcConfig(config), bytes(h264Data.config));
  t.deepEqual(h264.encodeAvcConfig(h264.avcConfigOf(config.sps, config.pps)), bytes(h264Data.config));
  t.is(h264.codecString(config), 'avc1.64000B');
  const sps = h264.parseSps(config.sps[0]!);
  t.like(sps, { width: 162, height: 90, frameRate: 25, chromaFormatIdc: 1, bitDepthLuma: 8, maxNumReorderFrames: 2, mayReorder: true });
});

test('the key samples of H.264, HEVC, AV1, VP9 and VP8 are those that the muxer marked', (t) => {
  t.deepEqual(samplesOf(h264Data).map((sample) => h264.isKeySample(sample)), keysOf(h264Data));
  t.deepEqual(samplesOf(hevcData).map((sample) => hevc.isKeySample(sample)), keysOf(hevcData));
  t.deepEqual(samplesOf(av1Data).map((sample) => av1.isKeySample(sample)), keysOf(av1Data));
  t.deepEqual(samplesOf(vp9Data).map((sample) => vp9.isKeySample(sample)), keysOf(vp9Data));
  t.deepEqual(samplesOf(vp8Data).map((sample) => vp8.isKeySample(sample)), keysOf(vp8Data));
});

test('samples of H.264 and HEVC go to a byte stream and back', (t) => {
  for (const [codec, data] of [[h264, h264Data], [hevc, hevcData]] as const) {
    for (const sample of samplesOf(data)) {
      const stream = codec.lengthPrefixedToAnnexB(sample, { accessUnitDelimiter: false });
      t.deepEqual(codec.annexBToLengthPrefixed(stream), sample);
    }
  }
});

test('an hvcC of x265 is read, written back to the byte and named', (t) => {
  const config = hevc.parseHevcConfig(bytes(hevcData.config));
  t.deepEqual(hevc.encodeHevcConfig(config), bytes(hevcData.config));
  t.is(hevc.codecString(config), 'hvc1.1.6.L30.90');
  const sps = hevc.parseSps(hevc.nalsOfType(config, hevc.NAL_TYPE.sps)[0]!);
  t.like(sps, { width: 162, height: 90, chromaFormatIdc: 1, bitDepthLuma: 8, temporalLayers: 1 });
  const [vps, spss, ppss] = [hevc.NAL_TYPE.vps, hevc.NAL_TYPE.sps, hevc.NAL_TYPE.pps].map((type) => hevc.nalsOfType(config, type));
  t.deepEqual(hevc.hevcConfigOf(vps!, spss!, ppss!).profile, config.profile);
});

test('an av1C of libaom agrees with the sequence header of the first sample', (t) => {
  const config = av1.parseAv1Config(bytes(av1Data.config));
  t.deepEqual(av1.encodeAv1Config(config), bytes(av1Data.config));
  t.deepEqual(av1.av1ConfigOf(samplesOf(av1Data)[0]!), config);
  t.is(av1.codecString(config), 'av01.0.00M.08');
  t.like(av1.sequenceHeaderOf(config.configObus), { width: 162, height: 90, bitDepth: 8, monochrome: false });
});

test('a vpcC agrees with the key frame of libvpx', (t) => {
  const config = vp9.parseVpConfig(bytes(vp9Data.config));
  t.deepEqual(vp9.encodeVpConfig(config), bytes(vp9Data.config));
  t.is(vp9.codecString(config), 'vp09.00.10.08');
  const frame = vp9.parseVp9KeyFrame(samplesOf(vp9Data)[0]!);
  t.like(frame, { profile: 0, bitDepth: 8, width: 162, height: 90 });
  t.is(vp9.vpConfigOf(frame, 25).level, config.level);
});

test('a VP8 key frame tells its size', (t) => {
  t.like(vp8.parseVp8KeyFrame(samplesOf(vp8Data)[0]!), { width: 162, height: 90 });
});

test('the AAC configuration of MP4 and the ADTS headers of the same stream agree', (t) => {
  const config = aac.parseAudioSpecificConfig(bytes(aacData.config));
  t.like(config, { objectType: 2, sampleRateHz: 48000, channels: 2, samplesPerFrame: 1024 });
  t.is(aac.codecString(config), 'mp4a.40.2');
  const adts = bytes(aacData.adts);
  let at = 0;
  for (const sample of samplesOf(aacData)) {
    const header = aac.parseAdtsHeader(adts, at);
    t.deepEqual(aac.aacConfigOfAdts(header), aac.aacLcConfig(48000, 2));
    t.deepEqual(aac.encodeAdtsHeader(config, sample.length), adts.slice(at, at + header.headerLength));
    t.deepEqual(adts.slice(at + header.headerLength, at + header.frameLength), sample);
    at += header.frameLength;
  }
  t.is(at, adts.length);
});

test('dOps and OpusHead are read, written back to the byte and agree; packets last 20 ms', (t) => {
  const config = opus.parseDops(bytes(opusData.config));
  t.deepEqual(opus.encodeDops(config), bytes(opusData.config));
  const head = opus.parseOpusHead(bytes(opusData.opusHead));
  t.deepEqual(opus.encodeOpusHead(head), bytes(opusData.opusHead));
  t.deepEqual(head, config);
  for (const packet of samplesOf(opusData)) t.is(opus.opusPacketDurationUs(packet), 20_000);
});

test('the MP3 frames of LAME follow each other to the last byte', (t) => {
  const stream = samplesOf(mp3Data)[0]!;
  let at = 0;
  while (at < stream.length) {
    const header = mp3.parseMp3Header(stream, at);
    t.like(header, { version: 1, layer: 3, sampleRateHz: 48000, channels: 1, samplesPerFrame: 1152, bitRate: 64000 });
    at += header.frameLength;
  }
  t.is(at, stream.length);
});
