import { BitReader } from '../../formats/bit-reader.ts';
import { avcConfigOf, encodeAvcConfig, NAL_TYPE as H264_NAL, nalType as h264NalType, parseSps as parseH264Sps } from '../../formats/h264.ts';
import { encodeHevcConfig, hevcConfigOf, NAL_TYPE as HEVC_NAL, nalType as hevcNalType, parseSps as parseHevcSps } from '../../formats/hevc.ts';
import type { FactsReader, FormatFacts } from './format-probe.ts';
import { H264_PAYLOAD_TYPE } from './h264.ts';
import { HEVC_PAYLOAD_TYPE } from './hevc.ts';

const AGGREGATED_LENGTH_BYTES = 2;
/** Most parameter sets of a type that a configuration record holds. */
const MAX_SETS = 31;
/** Bytes of an H.264 SPS before its id: header, profile, constraints, level. */
const SPS_ID_AT = 4;
const MAX_ID = 255;

/** Reads avcC, size and reordering from the parameter sets in H.264 payloads. */
export function h264ParameterSets(): FactsReader {
  const sps = new ParameterSets();
  const pps = new ParameterSets();
  return nalReader({
    headerBytes: 1,
    aggregateType: H264_PAYLOAD_TYPE.stapA,
    typeOf: h264NalType,
    isParameterSet: (type) => type === H264_NAL.sps || type === H264_NAL.pps,
    completes: (type) => type === H264_NAL.pps,
    take: (type, nal) => (type === H264_NAL.sps ? sps.put(idAt(nal, SPS_ID_AT), nal) : pps.put(idAt(nal, 1), nal)),
    facts: () => {
      const [first] = sps.list;
      if (first === undefined || pps.list.length === 0) return undefined;
      const { width, height, mayReorder, maxNumReorderFrames } = parseH264Sps(first);
      const codecConfig = encodeAvcConfig(avcConfigOf(sps.list, pps.list));
      // Where the stream doesn't say, B frames are possible but not likely: encoders that make them say so.
      return { codecConfig, width, height, ...(mayReorder && maxNumReorderFrames === undefined ? {} : { hasBFrames: mayReorder }) };
    },
  });
}

/** Reads hvcC, size and reordering from the parameter sets in HEVC payloads. */
export function hevcParameterSets(): FactsReader {
  const vps = new ParameterSets();
  const sps = new ParameterSets();
  const pps = new ParameterSets();
  return nalReader({
    headerBytes: 2,
    aggregateType: HEVC_PAYLOAD_TYPE.aggregation,
    typeOf: hevcNalType,
    isParameterSet: (type) => type >= HEVC_NAL.vps && type <= HEVC_NAL.pps,
    completes: (type) => type === HEVC_NAL.pps,
    take: (type, nal) => {
      // The ids of a VPS and SPS stand behind much else; streams of one layer have one of each.
      if (type === HEVC_NAL.vps) return vps.put(0, nal);
      return type === HEVC_NAL.sps ? sps.put(0, nal) : pps.put(idAt(nal, 2), nal);
    },
    facts: () => {
      const [first] = sps.list;
      if (first === undefined || vps.list.length === 0 || pps.list.length === 0) return undefined;
      const { width, height, maxNumReorderPictures } = parseHevcSps(first);
      return { codecConfig: encodeHevcConfig(hevcConfigOf(vps.list, sps.list, pps.list)), width, height, hasBFrames: maxNumReorderPictures > 0 };
    },
  });
}

interface NalProbe {
  readonly headerBytes: 1 | 2;
  readonly aggregateType: number;
  readonly typeOf: (firstByte: number) => number;
  readonly isParameterSet: (type: number) => boolean;
  /** Whether a parameter set of this type is the last kind of a configuration. */
  readonly completes: (type: number) => boolean;
  /** Keeps a parameter set; true when it is a new one. */
  readonly take: (type: number, nal: Uint8Array) => boolean;
  readonly facts: () => FormatFacts | undefined;
}

function nalReader(probe: NalProbe): FactsReader {
  const reader = new NalReader(probe);
  return (payload) => reader.read(payload);
}

/** Makes facts of new parameter sets only when the last kind of them is there, so that a change in several packets is told once. */
class NalReader {
  readonly #probe: NalProbe;
  #changed = false;
  #complete = false;

  constructor(probe: NalProbe) {
    this.#probe = probe;
  }

  read(payload: Uint8Array): FormatFacts | undefined {
    const { headerBytes, aggregateType, typeOf } = this.#probe;
    if (typeOf(payload[0] ?? 0) !== aggregateType) this.#look(payload);
    else forEachAggregated(payload, headerBytes, (nal) => this.#look(nal));
    const isReady = this.#changed && this.#complete;
    this.#complete = false;
    if (!isReady) return undefined;
    this.#changed = false;
    return this.#probe.facts();
  }

  #look(nal: Uint8Array): void {
    const { headerBytes, typeOf, isParameterSet, take, completes } = this.#probe;
    if (nal.length <= headerBytes) return;
    const type = typeOf(nal[0] ?? 0);
    if (!isParameterSet(type)) {
      this.#complete = true;
      return;
    }
    if (take(type, nal)) this.#changed = true;
    if (completes(type)) this.#complete = true;
  }
}

function forEachAggregated(payload: Uint8Array, headerBytes: number, look: (nal: Uint8Array) => void): void {
  for (let at = headerBytes; at + AGGREGATED_LENGTH_BYTES < payload.length; ) {
    const start = at + AGGREGATED_LENGTH_BYTES;
    const end = start + (((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0));
    if (end > payload.length) return;
    look(payload.subarray(start, end));
    at = end;
  }
}

/** Parameter sets of one type by id, the one that changed last first. */
class ParameterSets {
  #entries: readonly { readonly id: number; readonly nal: Uint8Array }[] = [];

  get list(): readonly Uint8Array[] {
    return this.#entries.map(({ nal }) => nal);
  }

  /** Keeps a copy of a parameter set; true when it is a new one. */
  put(id: number, nal: Uint8Array): boolean {
    const known = this.#entries.find((entry) => entry.id === id)?.nal;
    if (known !== undefined && known.length === nal.length && known.every((byte, index) => byte === nal[index])) return false;
    const others = this.#entries.filter((entry) => entry.id !== id).slice(0, MAX_SETS - 1);
    this.#entries = [{ id, nal: nal.slice() }, ...others];
    return true;
  }
}

function idAt(nal: Uint8Array, offset: number): number {
  return new BitReader(nal.subarray(offset)).ue(MAX_ID);
}
