import { NAL_TYPE, nalsOfType, nalType, parseHevcConfig } from '../../formats/hevc.ts';
import { NalAssembler, type NalUnpacking } from './nal-assembler.ts';
import { NalPacketiser, type NalPacking } from './nal-packetiser.ts';
import type { DepacketiserOptions, PacketiserOptions, PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { UnitDepacketiser } from './unit-depacketiser.ts';

/** Types of payloads that aren't NAL units themselves. @see RFC 7798 section 4.4 */
export const HEVC_PAYLOAD_TYPE = { aggregation: 48, fragmentation: 49 } as const;

const HEADER_BYTES = 2;
const FRAGMENT_HEAD_BYTES = 3;
/** forbidden_zero_bit and the high bit of nuh_layer_id, around the type. */
const AROUND_TYPE_MASK = 0x81;
const FRAGMENT_TYPE_MASK = 0x3f;
const LAYER_ID_HIGH_MASK = 0x01;
const TEMPORAL_ID_MASK = 0x07;

/**
 * Opens a packetiser of HEVC: single NAL unit packets, aggregation packets and fragmentation units, without decoding order numbers.
 *
 * @see RFC 7798 section 4.4
 * @throws ProtocolError when the hvcC of the options can't be read
 */
export function hevcPacketiser({ codecConfig, maxPayloadBytes }: PacketiserOptions): PayloadPacketiser {
  return new NalPacketiser(PACKING, { parameterSets: parameterSetsOf(codecConfig), maxPayloadBytes, aggregates: true });
}

/**
 * Opens a depacketiser of HEVC in transmission order (`sprop-max-don-diff=0`). Parameter sets of the track's own configuration are left out,
 * and access units without a slice are not emitted. @see RFC 7798 section 6
 *
 * @throws ProtocolError when the hvcC of the options can't be read
 */
export function hevcDepacketiser({ codecConfig }: DepacketiserOptions, emit: UnitSink): PayloadDepacketiser {
  return new UnitDepacketiser(new NalAssembler(UNPACKING, parameterSetsOf(codecConfig)), emit);
}

function parameterSetsOf(hvcC: Uint8Array | undefined): readonly Uint8Array[] {
  if (hvcC === undefined) return [];
  const config = parseHevcConfig(hvcC);
  return [NAL_TYPE.vps, NAL_TYPE.sps, NAL_TYPE.pps].flatMap((type) => nalsOfType(config, type));
}

function isParameterSet(firstByte: number): boolean {
  const type = nalType(firstByte);
  return type >= NAL_TYPE.vps && type <= NAL_TYPE.pps;
}

/** nuh_layer_id, in two bytes. */
function layerIdOf(nal: Uint8Array): number {
  return (((nal[0] ?? 0) & LAYER_ID_HIGH_MASK) << 5) | ((nal[1] ?? 0) >> 3);
}

const PACKING: NalPacking = {
  headerBytes: HEADER_BYTES,
  fragmentHeadBytes: FRAGMENT_HEAD_BYTES,
  isDelimiter: (nal) => nalType(nal[0] ?? 0) === NAL_TYPE.accessUnitDelimiter,
  isParameterSet: (nal) => isParameterSet(nal[0] ?? 0),
  // RFC 7798 section 4.4.2: the lowest layer and temporal id of those aggregated, and F if any of them has it.
  putAggregateHead: (out, nals) => {
    let forbidden = 0;
    let layerId = 0x3f;
    let temporalId = TEMPORAL_ID_MASK;
    for (const nal of nals) {
      forbidden |= (nal[0] ?? 0) & 0x80;
      layerId = Math.min(layerId, layerIdOf(nal));
      temporalId = Math.min(temporalId, (nal[1] ?? 0) & TEMPORAL_ID_MASK);
    }
    out.u8(forbidden | (HEVC_PAYLOAD_TYPE.aggregation << 1) | (layerId >> 5));
    out.u8(((layerId & 0x1f) << 3) | temporalId);
  },
  putFragmentHead: (out, nal, { first, last }) => {
    const header = nal[0] ?? 0;
    out.u8((header & AROUND_TYPE_MASK) | (HEVC_PAYLOAD_TYPE.fragmentation << 1));
    out.u8(nal[1] ?? 0);
    out.u8((first ? 0x80 : 0) | (last ? 0x40 : 0) | nalType(header));
  },
};

const UNPACKING: NalUnpacking = {
  headerBytes: HEADER_BYTES,
  fragmentHeadBytes: FRAGMENT_HEAD_BYTES,
  payloadType: (payload) => {
    const type = nalType(payload[0] ?? 0);
    if (type < HEVC_PAYLOAD_TYPE.aggregation) return 'single';
    if (type === HEVC_PAYLOAD_TYPE.aggregation) return 'aggregate';
    return type === HEVC_PAYLOAD_TYPE.fragmentation ? 'fragment' : 'unsupported';
  },
  fragmentNalHeader: (payload) => ((payload[0] ?? 0) & AROUND_TYPE_MASK) | (((payload[2] ?? 0) & FRAGMENT_TYPE_MASK) << 1),
  isParameterSet,
  // Both come before everything else of an access unit. @see ITU-T H.265 section 7.4.2.4.4
  beginsUnit: (firstByte) => nalType(firstByte) === NAL_TYPE.accessUnitDelimiter || nalType(firstByte) === NAL_TYPE.vps,
  isSlice: (firstByte) => nalType(firstByte) <= NAL_TYPE.lastVcl,
  isKeySlice: (firstByte) => nalType(firstByte) >= NAL_TYPE.blaWLp && nalType(firstByte) <= NAL_TYPE.lastReservedIrap,
};
