import type { ByteWriter } from './byte-writer.ts';
import { writeBox, writeFullBox } from './mp4-boxes.ts';
import type { Mp4AudioTrack, Mp4Track, Mp4VideoTrack } from './mp4-track.ts';

const ES_DESCRIPTOR = 3;
const DECODER_CONFIG_DESCRIPTOR = 4;
const DECODER_SPECIFIC_INFO = 5;
const SL_CONFIG_DESCRIPTOR = 6;
/** streamType 5 (audio), upStream 0, reserved 1. */
const AUDIO_STREAM = (5 << 2) | 1;
const SL_PREDEFINED_MP4 = 2;
/** Lowest sampling rate of MPEG-1 audio; MP3 below it is MPEG-2. */
const MPEG1_AUDIO_MIN_HZ = 32_000;
const PIXELS_PER_INCH_72 = 0x48_0000;
const DEPTH_COLOUR = 24;
/** The 32 bytes of compressorname: left empty. */
const COMPRESSOR_NAME_BYTES = 32;

/** Name of the sample entry and of the configuration box inside it. */
const VIDEO_ENTRIES = {
  h264: ['avc1', 'avcC'],
  hevc: ['hvc1', 'hvcC'],
  av1: ['av01', 'av1C'],
  vp8: ['vp08', 'vpcC'],
  vp9: ['vp09', 'vpcC'],
} as const satisfies Record<Mp4VideoTrack['codec'], readonly [string, string]>;

/** Writes the sample entry of `track`, the one entry of its `stsd`. @see ISO/IEC 14496-12 section 12 */
export function writeSampleEntry(writer: ByteWriter, track: Mp4Track): void {
  if (track.kind === 'video') writeVisualEntry(writer, track);
  else writeAudioEntry(writer, track);
}

function writeVisualEntry(writer: ByteWriter, track: Mp4VideoTrack): void {
  const [entry, configBox] = VIDEO_ENTRIES[track.codec];
  writeBox(writer, entry, () => {
    writer.zeros(6).u16(1).zeros(16);
    writer.u16(track.width).u16(track.height).u32(PIXELS_PER_INCH_72).u32(PIXELS_PER_INCH_72);
    writer.zeros(4).u16(1).zeros(COMPRESSOR_NAME_BYTES).u16(DEPTH_COLOUR).i16(-1);
    const config = (): unknown => writer.put(track.codecConfig);
    if (configBox === 'vpcC') writeFullBox(writer, configBox, 1, 0, config);
    else writeBox(writer, configBox, config);
  });
}

function writeAudioEntry(writer: ByteWriter, track: Mp4AudioTrack): void {
  writeBox(writer, track.codec === 'opus' ? 'Opus' : 'mp4a', () => {
    writer.zeros(6).u16(1).zeros(8);
    writer.u16(track.channels).u16(16).zeros(4);
    // The field holds 16.16 bits: a rate that does not fit is told by the codec configuration alone.
    writer.u16(track.sampleRateHz > 0xffff ? 0 : track.sampleRateHz).u16(0);
    if (track.codec === 'opus') writeBox(writer, 'dOps', () => writer.put(track.codecConfig));
    else writeFullBox(writer, 'esds', 0, 0, () => writeEsDescriptor(writer, track));
  });
}

/** @see ISO/IEC 14496-1 section 7.2.6.5 */
function writeEsDescriptor(writer: ByteWriter, track: Mp4AudioTrack): void {
  const specificBytes = track.codecConfig.length === 0 ? 0 : descriptorBytes(track.codecConfig.length);
  const configBytes = 13 + specificBytes;
  writeDescriptorHeader(writer, ES_DESCRIPTOR, 3 + descriptorBytes(configBytes) + descriptorBytes(1));
  writer.u16(0).u8(0);
  writeDescriptorHeader(writer, DECODER_CONFIG_DESCRIPTOR, configBytes);
  // Buffer size, largest and average bit rate are unknown in a live stream: 0.
  writer.u8(objectTypeOf(track)).u8(AUDIO_STREAM).zeros(11);
  if (specificBytes > 0) {
    writeDescriptorHeader(writer, DECODER_SPECIFIC_INFO, track.codecConfig.length);
    writer.put(track.codecConfig);
  }
  writeDescriptorHeader(writer, SL_CONFIG_DESCRIPTOR, 1);
  writer.u8(SL_PREDEFINED_MP4);
}

function objectTypeOf(track: Mp4AudioTrack): number {
  if (track.codec === 'aac') return 0x40;
  return track.sampleRateHz >= MPEG1_AUDIO_MIN_HZ ? 0x6b : 0x69;
}

function descriptorBytes(contentBytes: number): number {
  return 1 + lengthFieldBytes(contentBytes) + contentBytes;
}

function lengthFieldBytes(contentBytes: number): number {
  let count = 1;
  while (contentBytes >= 2 ** (7 * count)) count++;
  return count;
}

/** A tag and its length in groups of seven bits, each but the last marked as continued. @see ISO/IEC 14496-1 section 8.3.3 */
function writeDescriptorHeader(writer: ByteWriter, tag: number, contentBytes: number): void {
  writer.u8(tag);
  for (let group = lengthFieldBytes(contentBytes) - 1; group >= 0; group--) {
    writer.u8(((contentBytes >>> (7 * group)) & 0x7f) | (group > 0 ? 0x80 : 0));
  }
}
