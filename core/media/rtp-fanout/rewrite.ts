import { ProtocolError } from '../../errors/wcs-error.ts';
import { BUS_EXTENSION_ID } from '../../rtp/bus-extensions.ts';
import { readHeaderExtension, withHeaderExtensions, withoutHeaderExtensions } from '../../rtp/header-extensions.ts';
import { rtpHeaderLength, setRtpPayloadType, setRtpSequenceNumber, setRtpSsrc, setRtpTimestamp } from '../../rtp/packet.ts';

const ORIGINAL_SEQUENCE_BYTES = 2;

/** A packet of the bus as every viewer gets it, but for its header extension. */
export interface PlainPacket {
  /** A copy without header extensions, on the stream's clock. */
  readonly rtp: Uint8Array;
  /** Content of the orientation extension; undefined where the packet carries none. */
  readonly orientation: number | undefined;
}

/** Writes the stream's time into a copy of a packet. @throws ProtocolError for a packet that isn't RTP */
export function toPlainPacket(packet: Uint8Array, timestamp: number): PlainPacket {
  const rtp = withoutHeaderExtensions(packet);
  setRtpTimestamp(rtp, timestamp);
  return { rtp, orientation: rtp.length === packet.length ? undefined : orientationOf(packet) };
}

/** A copy of a plain packet with the orientation under the id that the viewer negotiated. */
export function withOrientation({ rtp, orientation }: PlainPacket, extensionId: number): Uint8Array {
  return orientation === undefined ? new Uint8Array(rtp) : withHeaderExtensions(rtp, [{ id: extensionId, data: Uint8Array.of(orientation) }]);
}

/** What one viewer's packet says of itself. */
export interface PacketHeader {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Extended. */
  readonly sequence: number;
}

/** Writes a viewer's header into a packet that is its own. */
export function setHeader(rtp: Uint8Array, { ssrc, payloadType, sequence }: PacketHeader): void {
  setRtpPayloadType(rtp, payloadType);
  setRtpSequenceNumber(rtp, sequence);
  setRtpSsrc(rtp, ssrc);
}

/** The retransmission form of a packet: its sequence number goes before the payload. @see RFC 4588 section 4 */
export function toRetransmission(rtp: Uint8Array, originalSequence: number, header: PacketHeader): Uint8Array {
  const headerLength = rtpHeaderLength(rtp);
  const out = new Uint8Array(rtp.length + ORIGINAL_SEQUENCE_BYTES);
  out.set(rtp.subarray(0, headerLength));
  out[headerLength] = originalSequence >>> 8;
  out[headerLength + 1] = originalSequence;
  out.set(rtp.subarray(headerLength), headerLength + ORIGINAL_SEQUENCE_BYTES);
  setHeader(out, header);
  return out;
}

function orientationOf(packet: Uint8Array): number | undefined {
  try {
    return readHeaderExtension(packet, BUS_EXTENSION_ID.orientation)?.[0];
  } catch (error) {
    // A picture the wrong way up is better than none.
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
