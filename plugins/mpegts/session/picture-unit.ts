import { NAL_TYPE as H264, nalType as h264Type, isKeySample as isH264Key } from 'wcs-core/formats/h264';
import { NAL_TYPE as HEVC, nalType as hevcType, isKeySample as isHevcKey } from 'wcs-core/formats/hevc';
import { AnnexBCursor, joinNals } from 'wcs-core/formats/nal';
import { FormatProbe, type FormatFacts } from 'wcs-core/rtp/payload/format-probe';

/** A codec of pictures in a transport stream. */
export type PictureCodec = 'h264' | 'hevc';

/** An access unit as the media bus has it. */
export interface PictureUnit {
  /** Length-prefixed NAL units, without those that the track's configuration holds; empty when nothing else came. */
  readonly data: Uint8Array;
  readonly key: boolean;
}

interface NalKinds {
  readonly isFormat: (firstByte: number) => boolean;
  readonly isSlice: (firstByte: number) => boolean;
  /** Of no use outside of a byte stream: delimiters, ends, filling. */
  readonly isFraming: (firstByte: number) => boolean;
  readonly isKey: (sample: Uint8Array) => boolean;
}

const KINDS: Readonly<Record<PictureCodec, NalKinds>> = {
  h264: {
    isFormat: (byte) => h264Type(byte) === H264.sps || h264Type(byte) === H264.pps || h264Type(byte) === H264.spsExtension,
    isSlice: (byte) => h264Type(byte) >= H264.slice && h264Type(byte) <= H264.idr,
    isFraming: (byte) => h264Type(byte) >= H264.accessUnitDelimiter && h264Type(byte) <= H264.filler,
    isKey: isH264Key,
  },
  hevc: {
    isFormat: (byte) => hevcType(byte) >= HEVC.vps && hevcType(byte) <= HEVC.pps,
    isSlice: (byte) => hevcType(byte) <= HEVC.lastVcl,
    isFraming: (byte) => hevcType(byte) >= HEVC.accessUnitDelimiter && hevcType(byte) <= HEVC.filler,
    isKey: isHevcKey,
  },
};

/** Turns the byte stream of each access unit into a sample, and reads the format from the parameter sets in it. */
export class PictureUnits {
  readonly #kinds: NalKinds;
  readonly #probe: FormatProbe;

  constructor(codec: PictureCodec) {
    this.#kinds = KINDS[codec];
    this.#probe = new FormatProbe(codec);
  }

  /** What the parameter sets so far tell. */
  get facts(): FormatFacts {
    return this.#probe.facts;
  }

  /** @param stream NAL units with start codes */
  take(stream: Uint8Array): PictureUnit {
    const { isFormat, isSlice, isFraming, isKey } = this.#kinds;
    const nals: Uint8Array[] = [];
    let hasSlice = false;
    for (const cursor = new AnnexBCursor(stream); cursor.next(); ) {
      const first = stream[cursor.start] ?? 0;
      const nal = stream.subarray(cursor.start, cursor.end);
      if (isFormat(first)) this.#probe.observe(nal);
      else if (!isFraming(first)) nals.push(nal);
      if (!isSlice(first) || hasSlice) continue;
      hasSlice = true;
      // Tells the probe that no more parameter sets come.
      this.#probe.observe(nal);
    }
    const data = hasSlice ? joinNals(nals) : new Uint8Array(0);
    return { data, key: hasSlice && isKey(data) };
  }
}
