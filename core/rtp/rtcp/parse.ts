import { ProtocolError } from '../../errors/wcs-error.ts';
import { ByteCursor } from '../../formats/byte-reader.ts';
import { parsePayloadFeedback, parseTransportFeedback } from './parse-feedback.ts';
import { RTCP_MAX_BYTES, RTCP_MAX_PACKETS, RTCP_TYPE, type Goodbye, type ReportBlock, type RtcpPacket, type SenderReport, type SourceDescription, type SourceDescriptionItem } from './types.ts';

const VERSION = 2;
const COUNT_BITS = 0x1f;
const PADDING_BIT = 0x20;
const SDES_END = 0;
const UTF8 = new TextDecoder();

/**
 * Every packet of a compound, or of a reduced-size one (RFC 5506), in order.
 *
 * @throws ProtocolError for a wrong version, lengths that leave the datagram, or more than the limits of `types.ts`
 * @see RFC 3550 section 6.1
 */
export function parseRtcp(bytes: Uint8Array): RtcpPacket[] {
  if (bytes.length === 0 || bytes.length > RTCP_MAX_BYTES) throw new ProtocolError(`An RTCP compound has 1 to ${RTCP_MAX_BYTES} bytes, this one ${bytes.length}`, 0);
  const cursor = new ByteCursor(bytes);
  const packets: RtcpPacket[] = [];
  while (cursor.remaining > 0) {
    if (packets.length >= RTCP_MAX_PACKETS) throw new ProtocolError(`More than ${RTCP_MAX_PACKETS} RTCP packets in one compound`, cursor.position);
    packets.push(parsePacket(cursor));
  }
  return packets;
}

function parsePacket(compound: ByteCursor): RtcpPacket {
  const start = compound.position;
  const first = compound.u8();
  if (first >> 6 !== VERSION) throw new ProtocolError(`RTCP version ${first >> 6} is not ${VERSION}`, start);
  const packetType = compound.u8();
  const body = compound.take(4 * compound.u16());
  const isPadded = (first & PADDING_BIT) !== 0;
  return parseBody(packetType, first & COUNT_BITS, new ByteCursor(isPadded ? unpadded(body, start) : body));
}

function unpadded(body: Uint8Array, start: number): Uint8Array {
  const padding = body.at(-1) ?? 0;
  if (padding === 0 || padding > body.length) throw new ProtocolError(`Padding of ${padding} bytes leaves the RTCP packet`, start);
  return body.subarray(0, body.length - padding);
}

function parseBody(packetType: number, count: number, body: ByteCursor): RtcpPacket {
  switch (packetType) {
    case RTCP_TYPE.senderReport:
      return parseSenderReport(count, body);
    case RTCP_TYPE.receiverReport:
      return { type: 'receiverReport', ssrc: body.u32(), reports: parseReports(count, body) };
    case RTCP_TYPE.sourceDescription:
      return parseSourceDescription(count, body);
    case RTCP_TYPE.goodbye:
      return parseGoodbye(count, body);
    case RTCP_TYPE.transportFeedback:
      return parseTransportFeedback(count, body);
    case RTCP_TYPE.payloadFeedback:
      return parsePayloadFeedback(count, body);
    default:
      return { type: 'unknown', packetType, format: count };
  }
}

function parseSenderReport(count: number, body: ByteCursor): SenderReport {
  return {
    type: 'senderReport',
    ssrc: body.u32(),
    ntp: { seconds: body.u32(), fraction: body.u32() },
    rtpTimestamp: body.u32(),
    packetCount: body.u32(),
    octetCount: body.u32(),
    reports: parseReports(count, body),
  };
}

function parseReports(count: number, body: ByteCursor): ReportBlock[] {
  return Array.from({ length: count }, () => ({
    ssrc: body.u32(),
    fractionLost: body.u8(),
    cumulativeLost: body.i24(),
    highestSequence: body.u32(),
    jitter: body.u32(),
    lastSenderReport: body.u32(),
    delaySinceLastSenderReport: body.u32(),
  }));
}

function parseSourceDescription(count: number, body: ByteCursor): SourceDescription {
  const chunks = Array.from({ length: count }, () => {
    const ssrc = body.u32();
    const items: SourceDescriptionItem[] = [];
    for (;;) {
      const item = body.u8();
      if (item === SDES_END) break;
      items.push({ item, text: textOf(body.take(body.u8())) });
    }
    body.skip(-body.position & 3);
    return { ssrc, items };
  });
  return { type: 'sourceDescription', chunks };
}

function parseGoodbye(count: number, body: ByteCursor): Goodbye {
  const ssrcs = Array.from({ length: count }, () => body.u32());
  const reason = body.remaining === 0 ? undefined : textOf(body.take(body.u8()));
  return { type: 'goodbye', ssrcs, ...(reason === undefined ? {} : { reason }) };
}

/** Text is UTF-8 by RFC 3550 section 6.5; what isn't shows replacement characters. */
function textOf(bytes: Uint8Array): string {
  return UTF8.decode(bytes);
}
