import { ProtocolError } from '../../errors/wcs-error.ts';
import type { PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { WholeDepacketiser, WholePacketiser } from './whole-packet.ts';

/** Opens a packetiser of Speex: a payload is one unit of whole frames, already padded to bytes by its encoder. @see RFC 5574 section 3.3 */
export function speexPacketiser(): PayloadPacketiser {
  return new WholePacketiser(notEmpty);
}

/** Opens a depacketiser of Speex; several frames in a payload stay one unit, which decoders take whole. @see RFC 5574 section 3.3 */
export function speexDepacketiser(emit: UnitSink): PayloadDepacketiser {
  return new WholeDepacketiser(notEmpty, emit);
}

function notEmpty(unit: Uint8Array): void {
  if (unit.length === 0) throw new ProtocolError('An empty Speex unit', 0);
}
