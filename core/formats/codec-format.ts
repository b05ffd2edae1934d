import { parseAudioSpecificConfig } from './aac.ts';
import { parseAv1Config, sequenceHeaderOf } from './av1.ts';
import { parseAvcConfig, parseSps as parseAvcSps } from './h264.ts';
import { NAL_TYPE as HEVC_NAL, nalsOfType, parseHevcConfig, parseSps as parseHevcSps } from './hevc.ts';
import { BUS_LENGTH_SIZE, type NalLengthSize } from './nal.ts';
import { OPUS_CLOCK_RATE_HZ, parseDops } from './opus.ts';

const AVCC_LENGTH_BYTE = 4;
const HVCC_LENGTH_BYTE = 21;

/** Codecs that files are read in. */
export type MediaCodec = 'h264' | 'hevc' | 'av1' | 'vp8' | 'vp9' | 'aac' | 'opus' | 'mp3' | 'pcma' | 'pcmu';

/** What a codec's configuration tells of a track. */
export interface CodecFormat {
  /** As the bus carries it: avcC, hvcC, av1C, vpcC, dOps or AudioSpecificConfig. */
  readonly codecConfig?: Uint8Array;
  /** Pixels. */
  readonly width?: number;
  readonly height?: number;
  /** Frames a second. */
  readonly frameRate?: number;
  readonly hasBFrames?: boolean;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  /** Bytes of the length before each NAL unit in the samples of the file. */
  readonly lengthSize?: NalLengthSize;
  /** How far pictures are reordered, where the configuration says so. */
  readonly reorderDepth?: number;
}

/** Reads a configuration record. @throws ProtocolError when it makes no sense */
export function codecFormatOf(codec: MediaCodec, record: Uint8Array): CodecFormat {
  switch (codec) {
    case 'h264':
      return avcFormat(record);
    case 'hevc':
      return hevcFormat(record);
    case 'av1': {
      const sequence = sequenceHeaderOf(parseAv1Config(record).configObus);
      const size = sequence === undefined ? {} : { width: sequence.width, height: sequence.height };
      return { codecConfig: record.slice(), ...size, hasBFrames: false };
    }
    case 'aac': {
      const { sampleRateHz, channels } = parseAudioSpecificConfig(record);
      return { codecConfig: record.slice(), sampleRateHz, channels };
    }
    case 'opus':
      return { codecConfig: record.slice(), sampleRateHz: OPUS_CLOCK_RATE_HZ, channels: parseDops(record).channels };
    default:
      return { codecConfig: record.slice() };
  }
}

function avcFormat(record: Uint8Array): CodecFormat {
  const { sps: [nal], lengthSize } = parseAvcConfig(record);
  const config = { codecConfig: recordWithBusLengths(record, AVCC_LENGTH_BYTE), lengthSize };
  if (nal === undefined) return config;
  const { width, height, frameRate, maxNumReorderFrames, mayReorder } = parseAvcSps(nal);
  // Known where the set says so, or where its profile can't reorder.
  const reorderDepth = mayReorder ? maxNumReorderFrames : 0;
  const hasBFrames = reorderDepth === undefined ? {} : { hasBFrames: reorderDepth > 0 };
  return { ...config, width, height, ...hasBFrames, ...(frameRate === undefined ? {} : { frameRate }), ...(reorderDepth === undefined ? {} : { reorderDepth }) };
}

function hevcFormat(record: Uint8Array): CodecFormat {
  const hevc = parseHevcConfig(record);
  const config = { codecConfig: recordWithBusLengths(record, HVCC_LENGTH_BYTE), lengthSize: hevc.lengthSize };
  const [nal] = nalsOfType(hevc, HEVC_NAL.sps);
  if (nal === undefined) return config;
  const { width, height, maxNumReorderPictures } = parseHevcSps(nal);
  return { ...config, width, height, hasBFrames: maxNumReorderPictures > 0, reorderDepth: maxNumReorderPictures };
}

/** A copy that says what holds on the bus: NAL unit lengths of four bytes. */
function recordWithBusLengths(record: Uint8Array, at: number): Uint8Array {
  const copy = record.slice();
  copy[at] = (copy[at] ?? 0) | (BUS_LENGTH_SIZE - 1);
  return copy;
}
