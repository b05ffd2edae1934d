import { ProtocolError } from '../../errors/wcs-error.ts';
import { parseAudioSpecificConfig } from '../../formats/aac.ts';
import { encodeRtp, rtpHeaderLength, rtpMarker, rtpPayloadType, rtpSsrc, rtpTimestamp } from '../../rtp/packet.ts';
import { aacDepacketiser, aacPacketiser } from '../../rtp/payload/aac.ts';
import type { FormatFacts } from '../../rtp/payload/format-probe.ts';
import { LatmDepacketiser } from '../../rtp/payload/latm.ts';
import { PayloadArena } from '../../rtp/payload/payload-arena.ts';
import type { MediaUnit, PayloadDepacketiser } from '../../rtp/payload/payload-format.ts';

/** A payload format of AAC that isn't the bus's own (AAC-hbr). @see RFC 3640 section 3.3.5, RFC 6416 section 6 */
export type AacPacking =
  | { readonly type: 'lbr' }
  | { readonly type: 'latm'; readonly configInBand: boolean; readonly muxConfig?: Uint8Array | undefined };

/** Turns packets of one payload format of AAC into those that the bus carries. Packets come in order. */
export class Repacketiser {
  readonly #depacketiser: PayloadDepacketiser;
  readonly #latm: LatmDepacketiser | undefined;
  readonly #packetiser: ReturnType<typeof aacPacketiser>;
  readonly #arena = new PayloadArena();
  readonly #emit: (rtp: Uint8Array) => void;
  /** The packet that is being read. */
  #current: Uint8Array | undefined;

  /**
   * @param emit takes each packet; its sequence number is still to be written
   * @throws ProtocolError when a configuration can't be read
   */
  constructor(packing: AacPacking, { codecConfig, clockRateHz }: { readonly codecConfig: Uint8Array | undefined; readonly clockRateHz: number }, emit: (rtp: Uint8Array) => void) {
    const onUnit = (unit: MediaUnit): void => this.#onUnit(unit);
    if (packing.type === 'latm') {
      const { configInBand, muxConfig } = packing;
      this.#depacketiser = this.#latm = new LatmDepacketiser({ clockRateHz, configInBand, ...(muxConfig === undefined ? {} : { muxConfig }) }, onUnit);
    } else this.#depacketiser = aacDepacketiser({ codecConfig, clockRateHz, mode: 'lbr' }, onUnit);
    this.#packetiser = aacPacketiser({ clockRateHz });
    this.#emit = emit;
  }

  /** The format, where packets have brought it; undefined before that and where only the description tells it. */
  get format(): FormatFacts | undefined {
    const codecConfig = this.#latm?.codecConfig;
    return codecConfig === undefined ? undefined : aacFormat(codecConfig);
  }

  /** @param lost true when packets are missing right before this one */
  push(rtp: Uint8Array, lost: boolean): void {
    this.#current = rtp;
    this.#depacketiser.push(rtp.subarray(rtpHeaderLength(rtp)), rtpTimestamp(rtp), rtpMarker(rtp), lost);
  }

  #onUnit({ data, key, timestamp }: MediaUnit): void {
    const rtp = this.#current;
    if (rtp === undefined) return;
    this.#arena.reset(data.length);
    try {
      this.#packetiser.packetise(data, key, this.#arena);
    } catch (error) {
      // A frame that its publisher broke is left out.
      if (error instanceof ProtocolError) return;
      throw error;
    }
    const head = { payloadType: rtpPayloadType(rtp), ssrc: rtpSsrc(rtp), timestamp, sequenceNumber: 0 };
    for (let index = 0; index < this.#arena.count; index += 1) {
      this.#emit(encodeRtp({ marker: this.#arena.marker(index), payload: this.#arena.payload(index), ...head }));
    }
  }
}

/** The format of AAC by its AudioSpecificConfig. @throws ProtocolError */
export function aacFormat(codecConfig: Uint8Array): FormatFacts {
  const { sampleRateHz, channels } = parseAudioSpecificConfig(codecConfig);
  return { codecConfig, sampleRateHz, channels };
}
