import { ProtocolError } from '../../errors/wcs-error.ts';
import type { ByteCursor } from '../../formats/byte-reader.ts';
import { parseTwcc } from './parse-twcc.ts';
import { NACK_MAX_SEQUENCES, PAYLOAD_FORMAT, REMB_IDENTIFIER, RTCP_TYPE, TRANSPORT_FORMAT, type FullIntraRequest, type Nack, type RtcpPacket } from './types.ts';

const BITMASK_BITS = 16;
const NACK_FCI_BYTES = 4;
const FIR_FCI_BYTES = 8;
const REMB_MANTISSA_BITS = 18;

/** A packet of type 205 by its format. @see RFC 4585 section 6.2 */
export function parseTransportFeedback(format: number, body: ByteCursor): RtcpPacket {
  const senderSsrc = body.u32();
  const mediaSsrc = body.u32();
  if (format === TRANSPORT_FORMAT.nack) return parseNack(senderSsrc, mediaSsrc, body);
  if (format === TRANSPORT_FORMAT.twcc) return parseTwcc(senderSsrc, mediaSsrc, body);
  return { type: 'unknown', packetType: RTCP_TYPE.transportFeedback, format };
}

/** A packet of type 206 by its format. @see RFC 4585 section 6.3 */
export function parsePayloadFeedback(format: number, body: ByteCursor): RtcpPacket {
  const senderSsrc = body.u32();
  const mediaSsrc = body.u32();
  if (format === PAYLOAD_FORMAT.pli) return { type: 'pli', senderSsrc, mediaSsrc };
  if (format === PAYLOAD_FORMAT.fir) return parseFir(senderSsrc, body);
  const isRemb = format === PAYLOAD_FORMAT.applicationLayer && body.remaining >= 8 && body.u32() === REMB_IDENTIFIER;
  if (isRemb) return parseRemb(senderSsrc, body);
  return { type: 'unknown', packetType: RTCP_TYPE.payloadFeedback, format };
}

/** Each entry is a sequence number (PID) and a mask of the sixteen after it (BLP). @see RFC 4585 section 6.2.1 */
function parseNack(senderSsrc: number, mediaSsrc: number, body: ByteCursor): Nack {
  const sequences: number[] = [];
  while (body.remaining >= NACK_FCI_BYTES) {
    const first = body.u16();
    const mask = body.u16();
    sequences.push(first);
    for (let bit = 0; bit < BITMASK_BITS; bit += 1) {
      if ((mask & (1 << bit)) !== 0) sequences.push((first + 1 + bit) & 0xffff);
    }
    if (sequences.length > NACK_MAX_SEQUENCES) throw new ProtocolError(`A NACK asks for more than ${NACK_MAX_SEQUENCES} packets`, body.position);
  }
  return { type: 'nack', senderSsrc, mediaSsrc, sequences };
}

function parseFir(senderSsrc: number, body: ByteCursor): FullIntraRequest {
  const entries: { ssrc: number; commandSequence: number }[] = [];
  while (body.remaining >= FIR_FCI_BYTES) {
    entries.push({ ssrc: body.u32(), commandSequence: body.u8() });
    body.skip(3);
  }
  return { type: 'fir', senderSsrc, entries };
}

function parseRemb(senderSsrc: number, body: ByteCursor): RtcpPacket {
  const count = body.u8();
  const rate = body.u24();
  const exponent = rate >> REMB_MANTISSA_BITS;
  const mantissa = rate & ((1 << REMB_MANTISSA_BITS) - 1);
  const ssrcs = Array.from({ length: count }, () => body.u32());
  // An exponent of 63 goes beyond exact integers; nobody's link does.
  return { type: 'remb', senderSsrc, bitrateBps: Math.min(Number.MAX_SAFE_INTEGER, mantissa * 2 ** exponent), ssrcs };
}
