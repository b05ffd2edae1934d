import { NAL_TYPE as H264_NAL, nalType as h264NalType } from '../../formats/h264.ts';
import { NAL_TYPE as HEVC_NAL, nalType as hevcNalType } from '../../formats/hevc.ts';
import { isKeySample as isVp8Key } from '../../formats/vp8.ts';
import { AV1_AGGREGATION } from './av1-elements.ts';
import { H264_PAYLOAD_TYPE } from './h264.ts';
import { HEVC_PAYLOAD_TYPE } from './hevc.ts';
import type { PayloadCodec } from './payload-formats.ts';
import { parseVp8Descriptor } from './vp8.ts';
import { parseVp9Descriptor } from './vp9-descriptor.ts';

const AGGREGATED_LENGTH_BYTES = 2;

/**
 * Whether this payload shows by itself that it belongs to a key frame, or to the parameter sets before one. Later packets of a VP8 or AV1 frame
 * don't show it: `KeyFramePackets` remembers it for them. Always true for audio; never throws.
 */
export function isKeyFramePacket(codec: PayloadCodec, payload: Uint8Array): boolean {
  switch (codec) {
    case 'h264':
      return hasNal('h264', payload, isH264Key);
    case 'hevc':
      return hasNal('hevc', payload, isHevcKey);
    case 'vp8': {
      const descriptor = parseVp8Descriptor(payload);
      return descriptor?.startsFrame === true && isVp8Key(payload.subarray(descriptor.length));
    }
    case 'vp9': {
      const descriptor = parseVp9Descriptor(payload);
      return descriptor !== undefined && !descriptor.interPicture;
    }
    case 'av1':
      return ((payload[0] ?? 0) & AV1_AGGREGATION.newSequence) !== 0;
    default:
      return true;
  }
}

/** Tells of each packet of a track whether it belongs to a key frame. */
export class KeyFramePackets {
  readonly #codec: PayloadCodec;
  /** Timestamp of the newest key frame. */
  #timestamp: number | undefined;

  constructor(codec: PayloadCodec) {
    this.#codec = codec;
  }

  /** @param timestamp the packet's RTP timestamp, by which packets after the first of a key frame are known */
  isKey(payload: Uint8Array, timestamp: number): boolean {
    if (timestamp === this.#timestamp) return true;
    if (payload.length === 0 || !isKeyFramePacket(this.#codec, payload)) return false;
    this.#timestamp = timestamp;
    return true;
  }
}

/** Whether a payload of H.264 or HEVC holds a NAL unit of a wanted type, or the fragment of one; NAL units that were aggregated count each. */
export function hasNal(codec: 'h264' | 'hevc', payload: Uint8Array, isWanted: (type: number) => boolean): boolean {
  const type = codec === 'h264' ? h264NalType(payload[0] ?? 0) : hevcNalType(payload[0] ?? 0);
  if (codec === 'h264') {
    if (type === H264_PAYLOAD_TYPE.fuA) return isWanted(h264NalType(payload[1] ?? 0));
    return type === H264_PAYLOAD_TYPE.stapA ? someAggregated(payload, 1, (first) => isWanted(h264NalType(first))) : isWanted(type);
  }
  if (type === HEVC_PAYLOAD_TYPE.fragmentation) return isWanted((payload[2] ?? 0) & 0x3f);
  return type === HEVC_PAYLOAD_TYPE.aggregation ? someAggregated(payload, 2, (first) => isWanted(hevcNalType(first))) : isWanted(type);
}

function isH264Key(type: number): boolean {
  return type === H264_NAL.idr || type === H264_NAL.sps || type === H264_NAL.pps;
}

function isHevcKey(type: number): boolean {
  return (type >= HEVC_NAL.blaWLp && type <= HEVC_NAL.lastReservedIrap) || (type >= HEVC_NAL.vps && type <= HEVC_NAL.pps);
}

function someAggregated(payload: Uint8Array, headerBytes: number, test: (firstByte: number) => boolean): boolean {
  for (let at = headerBytes; at + AGGREGATED_LENGTH_BYTES < payload.length; ) {
    if (test(payload[at + AGGREGATED_LENGTH_BYTES] ?? 0)) return true;
    at += AGGREGATED_LENGTH_BYTES + (((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0));
  }
  return false;
}
