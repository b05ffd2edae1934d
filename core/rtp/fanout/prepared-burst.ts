import { RTP_FIXED_HEADER_BYTES, SRTP_OVERHEAD_BYTES_MAX } from '../srtp/keys.ts';
import { putU32, rtpHeaderBytes } from '../srtp/rtp-header.ts';
import { BURST_PACKETS_MAX, RTP_PACKET_BYTES_MAX, type FanoutPacket } from './engine.ts';

/** Memory that a burst is prepared in. */
export const BURST_BYTES_MAX = BURST_PACKETS_MAX * RTP_PACKET_BYTES_MAX;
/** Most packets of one run: bounds what is lost at once, and what a viewer's access link gets back to back. */
export const RUN_PACKETS_MAX = 16;

/** Most bytes of one run with what SRTP adds: the system takes it for one datagram, which ends at 65,507. */
const RUN_BYTES_MAX = 65_000;
const MARKER_BIT = 0x80;
const PADDING_BIT = 0x20;

/**
 * The plain packets of one burst, copied once for all members; `patch` writes a member's header fields over those of the member before.
 * Runs are packets of one length in a row, of which the last may be shorter: what UDP segmentation offload takes in one piece.
 */
export class PreparedBurst {
  /** Where packets are, from `origin` on. */
  readonly memory: Uint8Array;
  /** The packets as views of that memory, for an engine that wants them. */
  readonly packets: Uint8Array[] = [];
  readonly offsets = new Int32Array(BURST_PACKETS_MAX);
  readonly lengths = new Int32Array(BURST_PACKETS_MAX);
  readonly headerBytes = new Int32Array(BURST_PACKETS_MAX);
  readonly sequences = new Float64Array(BURST_PACKETS_MAX);
  /** Index of each run's first packet; one more than there are runs. */
  readonly runs = new Int32Array(BURST_PACKETS_MAX + 1);
  runCount = 0;
  count = 0;
  /** RTP payload bytes of the burst, without padding. */
  octets = 0;
  /** Bytes of all packets. */
  bytes = 0;
  lowestSequence = 0;
  readonly #origin: number;
  readonly #hasViews: boolean;
  readonly #markers = new Uint8Array(BURST_PACKETS_MAX);
  #end = 0;

  /** @param memory with room for `BURST_BYTES_MAX` from `origin` on */
  constructor(memory: Uint8Array, origin = 0, hasViews = false) {
    this.memory = memory;
    this.#origin = origin;
    this.#hasViews = hasViews;
  }

  /** Takes up to `BURST_PACKETS_MAX` packets from position `from` on. */
  load(burst: readonly FanoutPacket[], from: number): void {
    this.clear();
    const to = Math.min(burst.length, from + BURST_PACKETS_MAX);
    for (let at = from; at < to; at++) {
      const packet = burst[at];
      if (packet !== undefined) this.add(packet.rtp, packet.sequence);
    }
    this.seal();
  }

  /** Begins an empty burst. */
  clear(): void {
    this.count = 0;
    this.octets = 0;
    this.bytes = 0;
    this.lowestSequence = Infinity;
    if (this.#hasViews) this.packets.length = 0;
    this.#end = this.#origin;
  }

  /** Takes a packet; false when it is none that can be sent. */
  add(rtp: Uint8Array, sequence: number): boolean {
    const headerBytes = rtpHeaderBytes(rtp);
    if (headerBytes < RTP_FIXED_HEADER_BYTES || rtp.length > RTP_PACKET_BYTES_MAX) return false;
    const { count } = this;
    const offset = this.#end;
    this.memory.set(rtp, offset);
    if (this.#hasViews) this.packets.push(this.memory.subarray(offset, offset + rtp.length));
    this.offsets[count] = offset;
    this.lengths[count] = rtp.length;
    this.headerBytes[count] = headerBytes;
    this.sequences[count] = sequence;
    this.#markers[count] = (rtp[1] ?? 0) & MARKER_BIT;
    const padding = ((rtp[0] ?? 0) & PADDING_BIT) === 0 ? 0 : (rtp[rtp.length - 1] ?? 0);
    this.octets += Math.max(0, rtp.length - headerBytes - padding);
    this.bytes += rtp.length;
    if (sequence < this.lowestSequence) this.lowestSequence = sequence;
    this.#end += rtp.length;
    this.count++;
    return true;
  }

  /** Divides what was added into runs. */
  seal(): void {
    this.runCount = 0;
    let total = 0;
    for (let at = 0; at < this.count; at++) {
      const length = this.lengths[at] ?? 0;
      const first = this.runs[this.runCount - 1] ?? 0;
      const runLength = this.lengths[first] ?? 0;
      total += length + SRTP_OVERHEAD_BYTES_MAX;
      const isFull = at - first >= RUN_PACKETS_MAX || total > RUN_BYTES_MAX;
      if (at > 0 && !isFull && length <= runLength && this.lengths[at - 1] === runLength) continue;
      this.runs[this.runCount++] = at;
      total = length + SRTP_OVERHEAD_BYTES_MAX;
    }
    this.runs[this.runCount] = this.count;
  }

  /** Writes a member's fields into a packet's fixed header. */
  patch(at: number, ssrc: number, payloadType: number, sequence: number): void {
    const { memory } = this;
    const offset = this.offsets[at] ?? 0;
    memory[offset + 1] = (this.#markers[at] ?? 0) | payloadType;
    memory[offset + 2] = sequence >>> 8;
    memory[offset + 3] = sequence;
    putU32(memory, offset + 8, ssrc);
  }
}
