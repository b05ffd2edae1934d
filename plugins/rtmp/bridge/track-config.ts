import { clockRateOf, type Codec, type TrackDescriptor } from 'wcs-core';
import { parseAudioSpecificConfig } from 'wcs-core/formats/aac';
import { codecFormatOf } from 'wcs-core/formats/codec-format';
import type { FlvAudioPacket, FlvVideoPacket } from 'wcs-core/formats/flv';
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

/** Reads a video configuration. @throws ProtocolError when the record makes no sense */
export function videoFormatOf(codec: Codec, packet: FlvVideoPacket & { packet: 'config' }): VideoFormat {
  const clockRateHz = clockRateOf(codec);
  const { data } = packet;
  switch (codec) {
    case 'h264':
    case 'hevc':
      return videoFormat(codec, data);
    case 'av1':
      // The descriptor of MPEG-2 TS holds the record's first four bytes behind its tag and length.
      return videoFormat(codec, packet.format === 'mpeg2ts' && data[0] === AV1_DESCRIPTOR_TAG ? data.subarray(2) : data);
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

function videoFormat(codec: 'h264' | 'hevc' | 'av1', record: Uint8Array): VideoFormat {
  const { lengthSize = BUS_LENGTH_SIZE, codecConfig, width, height, frameRate, hasBFrames } = codecFormatOf(codec, record);
  const known = Object.fromEntries(Object.entries({ codecConfig, width, height, frameRate, hasBFrames }).filter(([, value]) => value !== undefined));
  return { format: { clockRateHz: clockRateOf(codec), ...known }, lengthSize };
}

/** Some encoders write the vpcC box's version 1 and flags before the record. */
function withoutBoxHead(data: Uint8Array): Uint8Array {
  const hasHead = data.length >= 12 && data[0] === 1 && data[1] === 0 && data[2] === 0 && data[3] === 0;
  return hasHead ? data.subarray(4) : data;
}
