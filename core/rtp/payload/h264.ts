import { NAL_TYPE, nalType, parseAvcConfig } from '../../formats/h264.ts';
import { NalAssembler, type NalUnpacking } from './nal-assembler.ts';
import { NalPacketiser, type NalPacking } from './nal-packetiser.ts';
import type { DepacketiserOptions, PacketiserOptions, PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { UnitDepacketiser } from './unit-depacketiser.ts';

/** Types of payloads that aren't NAL units themselves. @see RFC 6184 table 1 */
export const H264_PAYLOAD_TYPE = { stapA: 24, fuA: 28 } as const;

/** Highest nal_unit_type that a single NAL unit packet may have. @see RFC 6184 section 5.4 */
const LAST_SINGLE_TYPE = 23;
const NRI_MASK = 0x60;
const FORBIDDEN_MASK = 0x80;
const HEADER_BYTES = 1;
const FRAGMENT_HEAD_BYTES = 2;

/** How an H.264 packetiser is told the mode. */
export interface H264PacketiserOptions extends PacketiserOptions {
  /** 1 (default): aggregation and fragments; 0: one NAL unit a packet, whatever its size. @see RFC 6184 section 6 */
  readonly packetizationMode?: 0 | 1;
}

/**
 * Opens a packetiser of H.264: single NAL unit packets, STAP-A and FU-A. @see RFC 6184 section 5
 *
 * @throws ProtocolError when the avcC of the options can't be read
 */
export function h264Packetiser({ codecConfig, maxPayloadBytes, packetizationMode = 1 }: H264PacketiserOptions): PayloadPacketiser {
  return new NalPacketiser(PACKING, { parameterSets: parameterSetsOf(codecConfig), maxPayloadBytes, aggregates: packetizationMode === 1 });
}

/**
 * Opens a depacketiser of the packetization modes 0 and 1; interleaved payloads (mode 2) are malformed here. Parameter sets of the
 * track's own configuration are left out, and access units without a slice are not emitted. @see RFC 6184 section 7
 *
 * @throws ProtocolError when the avcC of the options can't be read
 */
export function h264Depacketiser({ codecConfig }: DepacketiserOptions, emit: UnitSink): PayloadDepacketiser {
  return new UnitDepacketiser(new NalAssembler(UNPACKING, parameterSetsOf(codecConfig)), emit);
}

function parameterSetsOf(avcC: Uint8Array | undefined): readonly Uint8Array[] {
  if (avcC === undefined) return [];
  const { sps, pps, high } = parseAvcConfig(avcC);
  return [...sps, ...(high?.spsExtensions ?? []), ...pps];
}

function isParameterSet(firstByte: number): boolean {
  const type = nalType(firstByte);
  return type === NAL_TYPE.sps || type === NAL_TYPE.pps || type === NAL_TYPE.spsExtension;
}

const PACKING: NalPacking = {
  headerBytes: HEADER_BYTES,
  fragmentHeadBytes: FRAGMENT_HEAD_BYTES,
  isDelimiter: (nal) => nalType(nal[0] ?? 0) === NAL_TYPE.accessUnitDelimiter,
  isParameterSet: (nal) => isParameterSet(nal[0] ?? 0),
  // RFC 6184 section 5.7: the greatest NRI of those aggregated, and F if any of them has it.
  putAggregateHead: (out, nals) => {
    let nri = 0;
    let forbidden = 0;
    for (const nal of nals) {
      nri = Math.max(nri, (nal[0] ?? 0) & NRI_MASK);
      forbidden |= (nal[0] ?? 0) & FORBIDDEN_MASK;
    }
    out.u8(forbidden | nri | H264_PAYLOAD_TYPE.stapA);
  },
  putFragmentHead: (out, nal, { first, last }) => {
    const header = nal[0] ?? 0;
    out.u8((header & (FORBIDDEN_MASK | NRI_MASK)) | H264_PAYLOAD_TYPE.fuA);
    out.u8((first ? 0x80 : 0) | (last ? 0x40 : 0) | nalType(header));
  },
};

const UNPACKING: NalUnpacking = {
  headerBytes: HEADER_BYTES,
  fragmentHeadBytes: FRAGMENT_HEAD_BYTES,
  payloadType: (payload) => {
    const type = nalType(payload[0] ?? 0);
    if (type >= NAL_TYPE.slice && type <= LAST_SINGLE_TYPE) return 'single';
    if (type === H264_PAYLOAD_TYPE.stapA) return 'aggregate';
    return type === H264_PAYLOAD_TYPE.fuA ? 'fragment' : 'unsupported';
  },
  fragmentNalHeader: (payload) => ((payload[0] ?? 0) & (FORBIDDEN_MASK | NRI_MASK)) | nalType(payload[1] ?? 0),
  isParameterSet,
  // Both come before everything else of an access unit. @see ITU-T H.264 section 7.4.1.2.3
  beginsUnit: (firstByte) => nalType(firstByte) === NAL_TYPE.accessUnitDelimiter || nalType(firstByte) === NAL_TYPE.sps,
  isSlice: (firstByte) => nalType(firstByte) >= NAL_TYPE.slice && nalType(firstByte) <= NAL_TYPE.idr,
  isKeySlice: (firstByte) => nalType(firstByte) === NAL_TYPE.idr,
};
