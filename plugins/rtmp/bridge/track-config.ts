import { clockRateOf, type Codec, type TrackDescriptor } from 'wcs-core';
import { parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import { parseAv1Config, sequenceHeaderOf } from 'wcs-core/formats/av1';
import type { FlvAudioPacket, FlvVideoPacket } from 'wcs-core/formats/flv';
import { parseAvcConfig, parseSps as parseAvcSps, type H264Sps } from 'wcs-core/formats/h264';
import { NAL_TYPE as HEVC_NAL, nalsOfType, parseHevcConfig, parseSps as parseHevcSps } from 'wcs-core/formats/hevc';
import { BUS_LENGTH_SIZE, type NalLengthSize } from 'wcs-core/formats/nal';
import { parseMp3Header } from 'wcs-core/formats/mp3';
import { encodeDops, OPUS_CLOCK_RATE_HZ, parseOpusHead, type OpusConfig } from 'wcs-core/formats/opus';

/** What a track's configuration, or its first frame, tells. */
export type TrackFormat = Pick<TrackDescriptor, 'clockRateHz'> & Partial<Pick<TrackDescriptor, 'codecConfig' | 'width' | 'height' | 'frameRate' | 'hasBFrames' | 'sampleRateHz' | 'channels'>>;

/** A video configuration, and how long the NAL unit lengths of its frames are. */
export interface VideoFormat {
  readonly format: TrackFormat;
  readonly lengthSize: NalLengthSize;
}

const AV1_DESCRIPTOR_TAG = 0x80;
/** For Opus that came without its head: stereo, with the usual lead-in of libopus. */
const DEFAULT_OPUS: OpusConfig = { channels: 2, preSkip: 312, inputSampleRateHz: OPUS_CLOCK_RATE_HZ, outputGain: 0 };
const AVCC_LENGTH_BYTE = 4;
const HVCC_LENGTH_BYTE = 21;

/** Reads a video configuration. @throws ProtocolError when the record makes no sense */
export function videoFormatOf(codec: Codec, packet: FlvVideoPacket & { packet: 'config' }): VideoFormat {
  const clockRateHz = clockRateOf(codec);
  const { data } = packet;
  switch (codec) {
    case 'h264': {
      const { sps: [sps], lengthSize } = parseAvcConfig(data);
      const size = sps === undefined ? {} : pictureOf(parseAvcSps(sps));
      return { format: { clockRateHz, ...size, codecConfig: withBusLengths(data, AVCC_LENGTH_BYTE) }, lengthSize };
    }
    case 'hevc': {
      const config = parseHevcConfig(data);
      const [sps] = nalsOfType(config, HEVC_NAL.sps);
      const size = sps === undefined ? {} : sizeOf(parseHevcSps(sps));
      return { format: { clockRateHz, ...size, codecConfig: withBusLengths(data, HVCC_LENGTH_BYTE) }, lengthSize: config.lengthSize };
    }
    case 'av1': {
      // The descriptor of MPEG-2 TS holds the record's first four bytes behind its tag and length.
      const record = packet.format === 'mpeg2ts' && data[0] === AV1_DESCRIPTOR_TAG ? data.subarray(2) : data;
      const sequence = sequenceHeaderOf(parseAv1Config(record).configObus);
      return { format: { clockRateHz, ...(sequence === undefined ? {} : sizeOf(sequence)), codecConfig: record.slice() }, lengthSize: BUS_LENGTH_SIZE };
    }
    default:
      return { format: { clockRateHz, codecConfig: withoutBoxHead(data).slice() }, lengthSize: BUS_LENGTH_SIZE };
  }
}

/** Reads an audio configuration. @throws ProtocolError when it makes no sense */
export function audioFormatOf(codec: Codec, data: Uint8Array): TrackFormat {
  if (codec === 'aac') {
    const { sampleRateHz, channels } = parseAudioSpecificConfig(data);
    return { clockRateHz: clockRateOf(codec, sampleRateHz), sampleRateHz, channels, codecConfig: data.slice() };
  }
  return codec === 'opus' ? opusFormat(parseOpusHead(data)) : { clockRateHz: clockRateOf(codec) };
}

/** The format of a track without configuration, by its first frame; undefined where the codec needs one. */
export function formatOfFrame(codec: Codec, packet: (FlvAudioPacket | FlvVideoPacket) & { packet: 'frame' }): TrackFormat | undefined {
  if (packet.type === 'video') return codec === 'h264' || codec === 'hevc' ? undefined : { clockRateHz: clockRateOf(codec) };
  if (codec === 'aac') return undefined;
  if (codec === 'opus') return opusFormat(DEFAULT_OPUS);
  if (codec === 'mp3') {
    const { sampleRateHz, channels } = parseMp3Header(packet.data);
    return { clockRateHz: clockRateOf(codec), sampleRateHz, channels };
  }
  const { sampleRateHz = clockRateOf(codec), channels = 1 } = packet.sound ?? {};
  return { clockRateHz: clockRateOf(codec, sampleRateHz), sampleRateHz, channels };
}

function opusFormat(config: OpusConfig): TrackFormat {
  return { clockRateHz: OPUS_CLOCK_RATE_HZ, sampleRateHz: OPUS_CLOCK_RATE_HZ, channels: config.channels, codecConfig: encodeDops(config) };
}

/** Size, rate, and whether pictures are reordered: known where the set says so, or its profile can't. */
function pictureOf({ width, height, frameRate, maxNumReorderFrames, mayReorder }: H264Sps): Partial<TrackFormat> {
  const hasBFrames = mayReorder ? (maxNumReorderFrames === undefined ? undefined : maxNumReorderFrames > 0) : false;
  return { width, height, ...(frameRate === undefined ? {} : { frameRate }), ...(hasBFrames === undefined ? {} : { hasBFrames }) };
}

function sizeOf({ width, height }: { readonly width: number; readonly height: number }): { width: number; height: number } {
  return { width, height };
}

/** A copy that says what holds on the bus: NAL unit lengths of four bytes. */
function withBusLengths(record: Uint8Array, at: number): Uint8Array {
  const copy = record.slice();
  copy[at] = (copy[at] ?? 0) | (BUS_LENGTH_SIZE - 1);
  return copy;
}

/** Some encoders write the vpcC box's version 1 and flags before the record. */
function withoutBoxHead(data: Uint8Array): Uint8Array {
  const hasHead = data.length >= 12 && data[0] === 1 && data[1] === 0 && data[2] === 0 && data[3] === 0;
  return hasHead ? data.subarray(4) : data;
}
