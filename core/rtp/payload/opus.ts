import { opusPacketSamples } from '../../formats/opus.ts';
import type { PayloadDepacketiser, PayloadPacketiser, UnitSink } from './payload-format.ts';
import { WholeDepacketiser, WholePacketiser } from './whole-packet.ts';

/** Opens a packetiser of Opus: a payload is one Opus packet, whatever its size. @see RFC 7587 section 4.2 */
export function opusPacketiser(): PayloadPacketiser {
  return new WholePacketiser(opusPacketSamples);
}

/** Opens a depacketiser of Opus; a payload whose first bytes are no table of contents is malformed. @see RFC 7587 section 4.2 */
export function opusDepacketiser(emit: UnitSink): PayloadDepacketiser {
  return new WholeDepacketiser(opusPacketSamples, emit);
}
