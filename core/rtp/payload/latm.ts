import { ProtocolError } from '../../errors/wcs-error.ts';
import { BitReader } from '../../formats/bit-reader.ts';
import { aacFrameTicks } from './aac.ts';
import { BitWriter } from './bit-writer.ts';
import { fragmentSize } from './equal-fragments.ts';
import { parseStreamMuxConfig, readStreamMuxConfig, writeStreamMuxConfig, type StreamMuxConfig } from './latm-config.ts';
import type { PayloadArena } from './payload-arena.ts';
import { DEFAULT_MAX_PAYLOAD_BYTES, type DepacketiserCounters, type MediaUnit, type PacketiserOptions, type PayloadDepacketiser, type PayloadPacketiser, type UnitSink } from './payload-format.ts';
import { UnitDepacketiser, type UnitAssembler } from './unit-depacketiser.ts';

/** How a LATM packetiser is opened. */
export interface LatmPacketiserOptions extends PacketiserOptions {
  /** The AudioSpecificConfig. */
  readonly codecConfig: Uint8Array;
  /** `cpresent` of the session description: each element carries the configuration. */
  readonly configInBand: boolean;
}

/** How a LATM depacketiser is opened. */
export interface LatmDepacketiserOptions {
  readonly clockRateHz: number;
  /** `cpresent` of the session description; 1 where it is absent. */
  readonly configInBand: boolean;
  /** The StreamMuxConfig, `config` of the session description. */
  readonly muxConfig?: Uint8Array;
}

const LENGTH_STEP = 255;
/** An AAC frame is smaller, whatever its lengths say. */
const MAX_FRAME_BYTES = 0x1fff;

/**
 * Opens a packetiser of MP4A-LATM: one AAC frame an element, in fragments where it is large. @see RFC 6416 section 6
 *
 * @throws ProtocolError when the AudioSpecificConfig can't be read
 */
export function latmPacketiser(options: LatmPacketiserOptions): PayloadPacketiser {
  return new LatmPacketiser(options);
}

/** Puts AAC frames together from MP4A-LATM. @see RFC 6416 section 6 */
export class LatmDepacketiser implements PayloadDepacketiser {
  readonly #elements: UnitDepacketiser;
  readonly #clockRateHz: number;
  readonly #configInBand: boolean;
  readonly #emit: UnitSink;
  #config: StreamMuxConfig | undefined;
  #frameTicks = 0;
  #units = 0;
  #malformed = 0;

  /** @throws ProtocolError when the configuration of the options can't be read */
  constructor({ clockRateHz, configInBand, muxConfig }: LatmDepacketiserOptions, emit: UnitSink) {
    this.#clockRateHz = clockRateHz;
    this.#configInBand = configInBand;
    this.#emit = emit;
    this.#elements = new UnitDepacketiser(ELEMENT_ASSEMBLER, (element) => this.#takeElement(element));
    if (muxConfig !== undefined) this.#configure(parseStreamMuxConfig(muxConfig));
  }

  /** The AudioSpecificConfig of the stream; undefined before it has come in band. */
  get codecConfig(): Uint8Array | undefined {
    return this.#config?.audioSpecificConfig;
  }

  get counters(): DepacketiserCounters {
    const { damaged, malformed } = this.#elements.counters;
    return { units: this.#units, damaged: damaged + this.#malformed, malformed: malformed + this.#malformed };
  }

  push(payload: Uint8Array, timestamp: number, marker: boolean, lost: boolean): void {
    this.#elements.push(payload, timestamp, marker, lost);
  }

  #configure(config: StreamMuxConfig): void {
    this.#frameTicks = aacFrameTicks(config.audioSpecificConfig, this.#clockRateHz);
    this.#config = config;
  }

  #takeElement({ data, timestamp }: MediaUnit): void {
    const frames = this.#tryRead(data);
    if (frames === undefined) {
      this.#malformed++;
      return;
    }
    for (const [index, frame] of frames.entries()) {
      this.#units++;
      this.#emit({ data: frame, key: true, timestamp: (timestamp + index * this.#frameTicks) >>> 0 });
    }
  }

  #tryRead(element: Uint8Array): readonly Uint8Array[] | undefined {
    try {
      return this.#readElement(new BitReader(element));
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  /** AudioMuxElement. @see ISO/IEC 14496-3 section 1.7.3 */
  #readElement(reader: BitReader): readonly Uint8Array[] {
    if (this.#configInBand && !reader.flag()) this.#configure(readStreamMuxConfig(reader));
    if (this.#config === undefined) throw new ProtocolError('LATM without a configuration');
    const frames: Uint8Array[] = [];
    for (let left = this.#config.subFrames; left > 0; left--) frames.push(readFrame(reader));
    return frames;
  }
}

function readFrame(reader: BitReader): Uint8Array {
  let length = 0;
  for (let step = LENGTH_STEP; step === LENGTH_STEP; length += step) step = reader.bits(8);
  if (length === 0 || length > MAX_FRAME_BYTES || 8 * length > reader.remaining) throw new ProtocolError(`A LATM frame of ${length} bytes`);
  return Uint8Array.from({ length }, () => reader.bits(8));
}

/** The bytes of an element, one packet after the other: whether they are all there is told by the marker alone. */
const ELEMENT_ASSEMBLER: UnitAssembler = {
  begins: () => false,
  reset: () => undefined,
  append: (payload, unit) => unit.put(payload),
  end: () => ({ key: true }),
};

class LatmPacketiser implements PayloadPacketiser {
  readonly #config: Uint8Array;
  readonly #configInBand: boolean;
  readonly #maxPayloadBytes: number;

  constructor({ codecConfig, configInBand, maxPayloadBytes = DEFAULT_MAX_PAYLOAD_BYTES }: LatmPacketiserOptions) {
    writeStreamMuxConfig(new BitWriter(), codecConfig);
    this.#config = codecConfig;
    this.#configInBand = configInBand;
    this.#maxPayloadBytes = maxPayloadBytes;
  }

  packetise(unit: Uint8Array, _key: boolean, out: PayloadArena): void {
    if (unit.length === 0 || unit.length > MAX_FRAME_BYTES) throw new ProtocolError(`An AAC frame of ${unit.length} bytes`);
    const element = this.#elementOf(unit);
    const size = fragmentSize(element.length, this.#maxPayloadBytes);
    for (let at = 0; at < element.length; at += size) {
      out.begin();
      out.put(element, at, Math.min(at + size, element.length));
    }
    out.markLast();
  }

  #elementOf(unit: Uint8Array): Uint8Array {
    const writer = new BitWriter(unit.length + 64);
    if (this.#configInBand) writeStreamMuxConfig(writer.bits(0, 1), this.#config);
    let length = unit.length;
    for (; length >= LENGTH_STEP; length -= LENGTH_STEP) writer.bits(LENGTH_STEP, 8);
    return writer.bits(length, 8).put(unit).toBytes();
  }
}
