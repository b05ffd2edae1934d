import { ProtocolError } from '../errors/wcs-error.ts';
import { parseAvcConfig, parseSps as parseH264Sps } from '../formats/h264.ts';
import { NAL_TYPE as HEVC_NAL, nalsOfType, parseHevcConfig, parseSps as parseHevcSps } from '../formats/hevc.ts';
import { JitterBuffer } from '../rtp/jitter-buffer.ts';
import { RTP_HEADER_BYTES, rtpHeaderLength, rtpPayloadEnd, rtpTimestamp, setRtpPayloadType, setRtpSequenceNumber, setRtpTimestamp } from '../rtp/packet.ts';
import { PayloadArena } from '../rtp/payload/payload-arena.ts';
import type { MediaUnit, PayloadDepacketiser, PayloadPacketiser } from '../rtp/payload/payload-format.ts';
import { isPayloadCodec, openDepacketiser, openPacketiser, PAYLOAD_CODECS, type PayloadCodec } from '../rtp/payload/payload-formats.ts';
import { timestampDistance } from '../rtp/sequence.ts';
import type { PlaneConversion, PlaneConverter } from './converters.ts';
import { DecodeTimes, type Reordering } from '../formats/decode-times.ts';
import { ticksToUs, usToTicks, type MediaFrame, type MediaPacket } from './frame.ts';
import type { TrackDescriptor } from './track.ts';

const VERSION = 0x80;
const MARKER = 0x80;
/** Written into packets made here; each reader writes its own over it. */
const PAYLOAD_TYPE = 96;
const US_PER_SECOND = 1_000_000;
const DEFAULT_FRAME_RATE = 30;
/** Most pictures that may go before another in decoding order and after it in presentation. @see ITU-T H.264 section E.2.1 */
const MAX_REORDERED = 16;
/** For a stream that says that it has B frames, but not how many. */
const DEFAULT_REORDER_DEPTH = 2;
/** Headers make a frame about this much larger. */
const PACKETS_GROWTH = 1.05;

/** The conversions between frames and RTP packets of every codec that has a payload format. */
export function rtpConverters(): readonly PlaneConverter[] {
  return [
    { type: 'packetiser', codecs: PAYLOAD_CODECS, open: (track, emit) => new FramePacketiser(track, emit) },
    { type: 'depacketiser', codecs: PAYLOAD_CODECS, open: (track, emit) => new PacketDepacketiser(track, emit) },
  ];
}

/** Makes packets of the frames of one track revision: SSRC 0, sequence numbers from 0, timestamps from presentation times. */
class FramePacketiser implements PlaneConversion<MediaFrame> {
  readonly #packetiser: PayloadPacketiser;
  readonly #clockRateHz: number;
  readonly #emit: (packet: MediaPacket) => void;
  readonly #arena = new PayloadArena(RTP_HEADER_BYTES);
  #sequence = 0;

  constructor(track: TrackDescriptor, emit: (packet: MediaPacket) => void) {
    const { codecConfig, clockRateHz, channels } = track;
    this.#packetiser = openPacketiser(payloadCodecOf(track), { codecConfig, clockRateHz, channels });
    this.#clockRateHz = clockRateHz;
    this.#emit = emit;
  }

  write(frame: MediaFrame): void {
    const { track, ptsUs, key, data, receivedAtMs } = frame;
    if (!this.#packetise(data, key)) return;
    const timestamp = usToTicks(ptsUs, this.#clockRateHz);
    const arena = this.#arena;
    for (let index = 0; index < arena.count; index++) {
      const rtp = arena.packet(index);
      const marker = arena.marker(index);
      const offsetTicks = arena.offsetTicks(index);
      const sequence = this.#sequence++;
      rtp[0] = VERSION;
      rtp[1] = marker ? MARKER : 0;
      setRtpPayloadType(rtp, PAYLOAD_TYPE);
      setRtpSequenceNumber(rtp, sequence);
      setRtpTimestamp(rtp, timestamp + offsetTicks);
      const packetPtsUs = offsetTicks === 0 ? ptsUs : ptsUs + ticksToUs(offsetTicks, this.#clockRateHz);
      this.#emit({ track, rtp, sequence, ptsUs: packetPtsUs, marker, key, receivedAtMs });
    }
  }

  close(): void {
    this.#arena.reset(0);
  }

  /** A frame that its publisher broke is left out: that is no fault of ours. */
  #packetise(data: Uint8Array, key: boolean): boolean {
    this.#arena.reset(Math.ceil(data.length * PACKETS_GROWTH));
    try {
      this.#packetiser.packetise(data, key, this.#arena);
      return true;
    } catch (error) {
      if (error instanceof ProtocolError) return false;
      throw error;
    }
  }
}

/** Makes frames of the packets of one track revision, which may come in any order. */
class PacketDepacketiser implements PlaneConversion<MediaPacket> {
  readonly #depacketiser: PayloadDepacketiser;
  readonly #clockRateHz: number;
  readonly #emit: (frame: MediaFrame) => void;
  readonly #inOrder: JitterBuffer<MediaPacket>;
  readonly #decodeTimes: DecodeTimes;
  #lastSequence: number | undefined;
  /** The packet whose payload is being looked at, and the one before. */
  #current: MediaPacket | undefined;
  #previous: MediaPacket | undefined;
  /** The publisher's clock has jumped with a packet that no frame was made of yet. */
  #jumped = false;

  constructor(track: TrackDescriptor, emit: (frame: MediaFrame) => void) {
    const { codecConfig, clockRateHz, channels } = track;
    this.#depacketiser = openDepacketiser(payloadCodecOf(track), { codecConfig, clockRateHz, channels }, (unit) => this.#give(unit));
    this.#clockRateHz = clockRateHz;
    this.#emit = emit;
    this.#inOrder = new JitterBuffer((packet) => this.#take(packet));
    this.#decodeTimes = new DecodeTimes(reorderingOf(track));
  }

  write(packet: MediaPacket): void {
    this.#inOrder.push(packet, packet.receivedAtMs);
  }

  close(): void {
    this.#inOrder.reset();
    this.#current = this.#previous = undefined;
  }

  #take(packet: MediaPacket): void {
    const { rtp, sequence, marker } = packet;
    const payload = payloadOf(rtp);
    this.#jumped ||= packet.discontinuity === true;
    // A packet that can't be read is one that never came.
    if (payload === undefined) return;
    const lost = this.#lastSequence === undefined || sequence !== this.#lastSequence + 1;
    this.#lastSequence = sequence;
    this.#previous = this.#current;
    this.#current = packet;
    this.#depacketiser.push(payload, rtpTimestamp(rtp), marker, lost);
  }

  /** A unit may end with its own last packet or be followed by the next one's first: its time is told by the distance of the timestamps. */
  #give({ data, key, timestamp }: MediaUnit): void {
    const packet = this.#packetOf(timestamp);
    if (packet === undefined) return;
    const { track, rtp, receivedAtMs } = packet;
    const ptsUs = Math.max(0, packet.ptsUs + ticksToUs(timestampDistance(rtpTimestamp(rtp), timestamp), this.#clockRateHz));
    const dtsUs = this.#decodeTimes.next(ptsUs);
    const frame: MediaFrame = { track, ptsUs: Math.max(ptsUs, dtsUs), dtsUs, key, data, receivedAtMs };
    if (!this.#jumped || packet !== this.#current) { this.#emit(frame); return; }
    this.#jumped = false;
    this.#emit({ ...frame, discontinuity: true });
  }

  /** A packet on the same side of a jump of the publisher's clock as the unit: the one that ends it may be beyond. */
  #packetOf(timestamp: number): MediaPacket | undefined {
    const current = this.#current;
    const previous = this.#previous;
    if (!this.#jumped || current === undefined || previous === undefined) return current;
    return distanceFrom(previous, timestamp) < distanceFrom(current, timestamp) ? previous : current;
  }
}

function distanceFrom({ rtp }: MediaPacket, timestamp: number): number {
  return Math.abs(timestampDistance(rtpTimestamp(rtp), timestamp));
}

function payloadCodecOf({ codec }: TrackDescriptor): PayloadCodec {
  if (!isPayloadCodec(codec)) throw new RangeError(`${codec} has no payload format`);
  return codec;
}

function payloadOf(rtp: Uint8Array): Uint8Array | undefined {
  try {
    const start = rtpHeaderLength(rtp);
    return rtp.subarray(start, rtpPayloadEnd(rtp, start));
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/** How far pictures are reordered, as the parameter sets of the track say. */
function reorderingOf({ codec, codecConfig, hasBFrames, frameRate }: TrackDescriptor): Reordering {
  const unknown = hasBFrames === true ? DEFAULT_REORDER_DEPTH : 0;
  const frameUs = Math.round(US_PER_SECOND / (frameRate ?? DEFAULT_FRAME_RATE));
  if (codec === 'h264') {
    const [sps] = codecConfig === undefined ? [] : parseAvcConfig(codecConfig).sps;
    return { depth: (sps && parseH264Sps(sps).maxNumReorderFrames) ?? unknown, maxDepth: MAX_REORDERED, frameUs };
  }
  if (codec === 'hevc') {
    const [sps] = codecConfig === undefined ? [] : nalsOfType(parseHevcConfig(codecConfig), HEVC_NAL.sps);
    return { depth: sps === undefined ? unknown : parseHevcSps(sps).maxNumReorderPictures, maxDepth: MAX_REORDERED, frameUs };
  }
  return { depth: 0, maxDepth: 0, frameUs };
}
