import { ProtocolError } from '../../errors/wcs-error.ts';
import { MAX_UNIT_BYTES, type PacketiserOptions, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink } from './payload-format.ts';
import type { PayloadArena } from './payload-arena.ts';
import { WholeDepacketiser } from './whole-packet.ts';

/** The audio codecs whose payload is a plain row of samples or of frames of one size. @see RFC 3551 section 4.5 */
export type SampledCodec = 'pcma' | 'pcmu' | 'g722' | 'g729' | 'l16';

/** Longest time in a packet. @see RFC 3551 section 4.2 */
const PACKET_MS = 20;
const G729_FRAME_BYTES = 10;
/** Comfort noise, which may end a packet. @see RFC 3551 section 4.5.6 */
const G729_SID_BYTES = 2;
const G729_FRAME_MS = 10;
const EIGHT_KHZ = 8000;

/** The smallest piece that a unit can be cut to, and how long it lasts in ticks of the RTP clock. */
interface Grain {
  readonly bytes: number;
  readonly ticks: number;
}

/** Opens a packetiser that cuts units to packets of one size and of at most 20 ms. */
export function sampledPacketiser(codec: SampledCodec, { clockRateHz, channels = 1 }: PacketiserOptions): PayloadPacketiser {
  return new SampledPacketiser(grainOf(codec, channels), codec === 'g729' ? EIGHT_KHZ : clockRateHz);
}

/** Opens a depacketiser whose units are the payloads; one that isn't a whole number of samples or frames is malformed. */
export function sampledDepacketiser(codec: SampledCodec, channels: number, emit: UnitSink): PayloadDepacketiser {
  const { bytes } = grainOf(codec, channels);
  return new WholeDepacketiser((payload) => {
    const rest = payload.length % bytes;
    if (rest !== 0 && !(codec === 'g729' && rest === G729_SID_BYTES)) throw new ProtocolError(`${payload.length} bytes are no whole number of frames`);
  }, emit);
}

function grainOf(codec: SampledCodec, channels: number): Grain {
  switch (codec) {
    case 'pcma':
    case 'pcmu':
      return { bytes: channels, ticks: 1 };
    // 8 bits stand for two samples at 16 kHz, which are one tick: its clock runs at 8 kHz by an old mistake. @see RFC 3551 section 4.5.2
    case 'g722':
      return { bytes: channels, ticks: 1 };
    case 'g729':
      return { bytes: G729_FRAME_BYTES, ticks: (EIGHT_KHZ * G729_FRAME_MS) / 1000 };
    case 'l16':
      return { bytes: 2 * channels, ticks: 1 };
  }
}

class SampledPacketiser implements PayloadPacketiser {
  readonly #grain: Grain;
  readonly #maxGrains: number;

  constructor(grain: Grain, clockRateHz: number) {
    this.#grain = grain;
    this.#maxGrains = Math.max(1, Math.floor((clockRateHz * PACKET_MS) / 1000 / grain.ticks));
  }

  packetise(unit: Uint8Array, _key: boolean, out: PayloadArena): void {
    if (unit.length === 0 || unit.length > MAX_UNIT_BYTES) throw new ProtocolError(`An audio unit of ${unit.length} bytes`);
    const grains = Math.ceil(unit.length / this.#grain.bytes);
    const size = Math.ceil(grains / Math.ceil(grains / this.#maxGrains));
    for (let grain = 0; grain < grains; grain += size) {
      const start = grain * this.#grain.bytes;
      out.begin(false, grain * this.#grain.ticks);
      out.put(unit, start, Math.min(start + size * this.#grain.bytes, unit.length));
    }
  }
}
