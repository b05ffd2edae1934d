import { NAL_TYPE as H264_NAL, parseAvcConfig } from '../../formats/h264.ts';
import { NAL_TYPE as HEVC_NAL, nalsOfType, parseHevcConfig } from '../../formats/hevc.ts';
import { encodeRtp, rtpPayloadType, rtpSsrc, rtpTimestamp } from '../../rtp/packet.ts';
import { hasNal } from '../../rtp/payload/key-frame-packet.ts';

/** Plain data of `ParameterSets`. */
export interface ParameterSetsState {
  /** RTP timestamp of the picture that had its parameter sets last. */
  readonly timestamp: number | undefined;
}

/**
 * Puts the parameter sets of a track before those of its key frames that come without: cameras give them in the session
 * description only, but readers of packets elsewhere know nothing of it. Packets come in order.
 */
export class ParameterSets {
  readonly #codec: 'h264' | 'hevc';
  #timestamp: number | undefined;

  constructor(codec: 'h264' | 'hevc', state?: ParameterSetsState) {
    this.#codec = codec;
    this.#timestamp = state?.timestamp;
  }

  exportState(): ParameterSetsState {
    return { timestamp: this.#timestamp };
  }

  /**
   * Packets that have to go before this one, their sequence numbers still to be written.
   *
   * @param payload of the packet
   * @param codecConfig content of avcC or hvcC
   */
  missingBefore(rtp: Uint8Array, payload: Uint8Array, codecConfig: Uint8Array | undefined): readonly Uint8Array[] {
    const timestamp = rtpTimestamp(rtp);
    if (codecConfig === undefined || timestamp === this.#timestamp) return [];
    if (hasNal(this.#codec, payload, this.#codec === 'h264' ? isH264Set : isHevcSet)) this.#timestamp = timestamp;
    if (timestamp === this.#timestamp || !hasNal(this.#codec, payload, this.#codec === 'h264' ? isH264Key : isHevcKey)) return [];
    this.#timestamp = timestamp;
    const head = { payloadType: rtpPayloadType(rtp), ssrc: rtpSsrc(rtp), timestamp, sequenceNumber: 0 };
    return setsOf(this.#codec, codecConfig).map((nal) => encodeRtp({ ...head, payload: nal }));
  }
}

function setsOf(codec: 'h264' | 'hevc', codecConfig: Uint8Array): readonly Uint8Array[] {
  if (codec === 'h264') {
    const { sps, pps } = parseAvcConfig(codecConfig);
    return [...sps, ...pps];
  }
  const config = parseHevcConfig(codecConfig);
  return [HEVC_NAL.vps, HEVC_NAL.sps, HEVC_NAL.pps].flatMap((type) => nalsOfType(config, type));
}

function isH264Set(type: number): boolean {
  return type === H264_NAL.sps;
}

function isH264Key(type: number): boolean {
  return type === H264_NAL.idr;
}

function isHevcSet(type: number): boolean {
  return type === HEVC_NAL.sps;
}

function isHevcKey(type: number): boolean {
  return type >= HEVC_NAL.blaWLp && type <= HEVC_NAL.lastReservedIrap;
}
