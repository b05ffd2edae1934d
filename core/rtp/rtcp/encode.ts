import { ByteWriter } from '../../formats/byte-writer.ts';
import { PAYLOAD_FORMAT, REMB_IDENTIFIER, RTCP_MAX_COUNT, RTCP_TYPE, TRANSPORT_FORMAT, type Nack, type ReceiverEstimate, type ReportBlock, type SourceDescription, type WritableRtcp } from './types.ts';

const VERSION_BITS = 0x80;
const SDES_END = 0;
const TEXT_MAX_BYTES = 255;
const BITMASK_BITS = 16;
const REMB_MANTISSA_BITS = 18;
const REMB_EXPONENT_MAX = 63;
const REMB_MAX_SSRCS = 255;
const UTF8 = new TextEncoder();
const CUMULATIVE_LOST_MAX = 0x7f_ffff;

/**
 * Writes packets back to back as one compound; the caller begins it with a report where the peer asks for that.
 *
 * @throws RangeError for more blocks, chunks or sources than a packet can count
 * @see RFC 3550 section 6.1
 */
export function encodeRtcp(packets: readonly WritableRtcp[]): Uint8Array {
  const out = new ByteWriter();
  for (const packet of packets) {
    const start = out.length;
    out.u32(0);
    const { packetType, count } = encodeBody(out, packet);
    if (count > RTCP_MAX_COUNT) throw new RangeError(`${count} entries exceed the ${RTCP_MAX_COUNT} of an RTCP packet`);
    out.zeros(-(out.length - start) & 3);
    out.patchU32(start, (VERSION_BITS | count) * 0x100_0000 + packetType * 0x1_0000 + (out.length - start) / 4 - 1);
  }
  return out.toBytes();
}

/** Type and the five bits that are a count or a format. */
interface Head {
  readonly packetType: number;
  readonly count: number;
}

function encodeBody(out: ByteWriter, packet: WritableRtcp): Head {
  switch (packet.type) {
    case 'senderReport':
      out.u32(packet.ssrc).u32(packet.ntp.seconds).u32(packet.ntp.fraction).u32(packet.rtpTimestamp).u32(packet.packetCount).u32(packet.octetCount);
      return putReports(out, RTCP_TYPE.senderReport, packet.reports);
    case 'receiverReport':
      out.u32(packet.ssrc);
      return putReports(out, RTCP_TYPE.receiverReport, packet.reports);
    case 'sourceDescription':
      return putSourceDescription(out, packet);
    case 'goodbye':
      for (const ssrc of packet.ssrcs) out.u32(ssrc);
      if (packet.reason !== undefined) putText(out, packet.reason);
      return { packetType: RTCP_TYPE.goodbye, count: packet.ssrcs.length };
    case 'nack':
      return putNack(out, packet);
    case 'pli':
      out.u32(packet.senderSsrc).u32(packet.mediaSsrc);
      return { packetType: RTCP_TYPE.payloadFeedback, count: PAYLOAD_FORMAT.pli };
    case 'fir':
      out.u32(packet.senderSsrc).u32(0);
      for (const { ssrc, commandSequence } of packet.entries) out.u32(ssrc).u8(commandSequence).u24(0);
      return { packetType: RTCP_TYPE.payloadFeedback, count: PAYLOAD_FORMAT.fir };
    case 'remb':
      return putRemb(out, packet);
  }
}

function putReports(out: ByteWriter, packetType: number, reports: readonly ReportBlock[]): Head {
  for (const report of reports) {
    const lost = Math.max(-CUMULATIVE_LOST_MAX - 1, Math.min(CUMULATIVE_LOST_MAX, report.cumulativeLost));
    out.u32(report.ssrc).u8(report.fractionLost).i24(lost).u32(report.highestSequence);
    out.u32(report.jitter).u32(report.lastSenderReport).u32(report.delaySinceLastSenderReport);
  }
  return { packetType, count: reports.length };
}

function putSourceDescription(out: ByteWriter, packet: SourceDescription): Head {
  for (const { ssrc, items } of packet.chunks) {
    out.u32(ssrc);
    for (const { item, text } of items) {
      out.u8(item);
      putText(out, text);
    }
    // The list ends with one zero at least and reaches a whole word; packets start at whole words, so the length tells.
    out.u8(SDES_END);
    out.zeros(-out.length & 3);
  }
  return { packetType: RTCP_TYPE.sourceDescription, count: packet.chunks.length };
}

/** A length byte and UTF-8, cut at the last whole character that fits. */
function putText(out: ByteWriter, text: string): void {
  let bytes: Uint8Array = UTF8.encode(text);
  if (bytes.length > TEXT_MAX_BYTES) {
    let end = TEXT_MAX_BYTES;
    while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
    bytes = bytes.subarray(0, end);
  }
  out.u8(bytes.length).put(bytes);
}

function putNack(out: ByteWriter, { senderSsrc, mediaSsrc, sequences }: Nack): Head {
  out.u32(senderSsrc).u32(mediaSsrc);
  let first: number | undefined;
  let mask = 0;
  for (const sequence of sequences) {
    const distance = first === undefined ? -1 : ((sequence - first) & 0xffff) - 1;
    if (first !== undefined && distance >= 0 && distance < BITMASK_BITS) {
      mask |= 1 << distance;
      continue;
    }
    if (first !== undefined) out.u16(first).u16(mask);
    first = sequence & 0xffff;
    mask = 0;
  }
  if (first !== undefined) out.u16(first).u16(mask);
  return { packetType: RTCP_TYPE.transportFeedback, count: TRANSPORT_FORMAT.nack };
}

function putRemb(out: ByteWriter, { senderSsrc, bitrateBps, ssrcs }: ReceiverEstimate): Head {
  if (ssrcs.length > REMB_MAX_SSRCS) throw new RangeError(`${ssrcs.length} sources exceed the ${REMB_MAX_SSRCS} of a REMB`);
  let mantissa = Math.max(0, Math.floor(bitrateBps));
  let exponent = 0;
  while (mantissa >= 2 ** REMB_MANTISSA_BITS && exponent < REMB_EXPONENT_MAX) {
    mantissa = Math.floor(mantissa / 2);
    exponent += 1;
  }
  out.u32(senderSsrc).u32(0).u32(REMB_IDENTIFIER).u8(ssrcs.length).u24(exponent * 2 ** REMB_MANTISSA_BITS + mantissa);
  for (const ssrc of ssrcs) out.u32(ssrc);
  return { packetType: RTCP_TYPE.payloadFeedback, count: PAYLOAD_FORMAT.applicationLayer };
}
