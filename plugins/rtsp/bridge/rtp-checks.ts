import { ProtocolError } from 'wcs-core';
import { rtpHeaderLength } from 'wcs-core/rtp/packet';

/** False for what readers could make nothing of. */
export function isRtpPacket(rtp: Uint8Array): boolean {
  try {
    rtpHeaderLength(rtp);
    return true;
  } catch (error) {
    if (error instanceof ProtocolError) return false;
    throw error;
  }
}
