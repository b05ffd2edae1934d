import { rtpHeaderLength } from 'wcs-core/rtp/packet';
import { parseVp8Descriptor } from 'wcs-core/rtp/payload/vp8';

/** In the first byte of a descriptor: picture id, TL0PICIDX and temporal layer follow. @see RFC 7741 section 4.2 */
const EXTENDED = 0x80;

/**
 * The packet without picture id and temporal layer. Each layer of a picture counts its frames for itself: a receiver that
 * goes from one to another would look for references in the wrong frames, where without ids it goes by sequence numbers.
 *
 * @throws ProtocolError for a packet that is no RTP
 */
export function withoutPictureId(rtp: Uint8Array): Uint8Array {
  const headerBytes = rtpHeaderLength(rtp);
  const payload = rtp.subarray(headerBytes);
  const [first = 0] = payload;
  const descriptor = parseVp8Descriptor(payload);
  if (descriptor === undefined || (first & EXTENDED) === 0) return rtp;
  const plain = new Uint8Array(rtp.length - descriptor.length + 1);
  plain.set(rtp.subarray(0, headerBytes));
  plain[headerBytes] = first & ~EXTENDED;
  plain.set(payload.subarray(descriptor.length), headerBytes + 1);
  return plain;
}
