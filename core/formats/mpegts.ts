import { PES_HEADER_MAX_BYTES, wrapClock, writePesHeader } from './mpegts-pes.ts';
import { clockStreamOf, isVideo, PMT_PID, TS_PACKET_BYTES, type TsStream } from './mpegts-stream.ts';
import { encodePat, encodePmt } from './mpegts-tables.ts';

export { isTsCodec, tsFraming, type TsFraming, type TsTrackFormat } from './mpegts-framing.ts';
export { PMT_PID, TS_PACKET_BYTES, type TsCodec, type TsStream } from './mpegts-stream.ts';

/** One access unit of a stream; times are in 1/90000 s, not wrapped, and whole. */
export interface TsAccessUnit {
  readonly pid: number;
  readonly pts90k: number;
  readonly dts90k: number;
  /** Whether decoding can begin here: sets the random access indicator. */
  readonly key: boolean;
  /**
   * The bytes as pieces that follow each other: H.264 and HEVC in Annex B form beginning with an access unit delimiter,
   * AAC with ADTS headers, whole MP3 frames, or one bare Opus packet.
   */
  readonly data: readonly Uint8Array[];
  /** The clock of this stream jumps here. */
  readonly discontinuity?: boolean;
}

/** All that a successor needs to continue a transport stream without a gap; plain data. */
export interface TsMuxerState {
  readonly streams: readonly TsStream[];
  /** Version of the program map, 0 to 31. */
  readonly pmtVersion: number;
  /** Packet id to the continuity counter of its next packet, 0 to 15. */
  readonly continuity: Readonly<Record<number, number>>;
}

interface Lane {
  readonly stream: TsStream;
  readonly streamId: number;
  continuity: number;
}

/** How far the program clock runs ahead of the decoding times, so that data arrives before it is due: 0.1 s. */
const CLOCK_LEAD_90K = 9000;
const PAT_PID = 0;
const SMALLEST_PID = 0x20;
const LARGEST_PID = 0x1ffe;
const PACKET_HEADER_BYTES = 4;
const PACKET_ROOM = TS_PACKET_BYTES - PACKET_HEADER_BYTES;
/** Adaptation field with its length and flags, and with a program clock reference as well. */
const ADAPTATION_FLAGS_BYTES = 2;
const ADAPTATION_CLOCK_BYTES = 8;
const VIDEO_STREAM_ID = 0xe0;
const AUDIO_STREAM_ID = 0xc0;
const PRIVATE_STREAM_1 = 0xbd;
const DISCONTINUITY_FLAG = 0x80;
const RANDOM_ACCESS_FLAG = 0x40;
const CLOCK_FLAG = 0x10;
/** Longest Opus packet: 48 frames of 1275 bytes, with their table of contents and lengths. */
const OPUS_PACKET_MAX_BYTES = 61_440;
const OPUS_CONTROL_MAX_BYTES = 2 + Math.floor(OPUS_PACKET_MAX_BYTES / 255) + 1;

/**
 * Multiplexes access units into one MPEG transport stream program; each call gives whole packets in one buffer.
 * The first video stream carries the clock, otherwise the first stream; 33-bit times wrap by themselves.
 *
 * @see ISO/IEC 13818-1 section 2.4
 */
export class TsMuxer {
  readonly #streams: readonly TsStream[];
  readonly #lanes = new Map<number, Lane>();
  readonly #clockPid: number;
  readonly #pmtVersion: number;
  readonly #pat: Uint8Array;
  readonly #pmt: Uint8Array;
  readonly #head = new Uint8Array(PES_HEADER_MAX_BYTES + OPUS_CONTROL_MAX_BYTES);
  #patContinuity: number;
  #pmtContinuity: number;

  /**
   * @param state of a predecessor, to continue its counters; the map's version grows if the streams differ from its own
   * @throws RangeError for packet ids that are out of range or given twice, or more streams than one packet can list
   */
  constructor(streams: readonly TsStream[], state?: TsMuxerState) {
    this.#streams = streams.map((stream) => ({ ...stream }));
    const counter = (pid: number): number => (state?.continuity[pid] ?? 0) & 0x0f;
    for (const stream of this.#streams) {
      if (!isFreePid(stream.pid) || this.#lanes.has(stream.pid)) throw new RangeError(`Packet id ${stream.pid} is not free`);
      this.#lanes.set(stream.pid, { stream, streamId: streamIdOf(stream), continuity: counter(stream.pid) });
    }
    this.#clockPid = clockStreamOf(streams).pid;
    this.#pmtVersion = state === undefined ? 0 : (state.pmtVersion + (sameStreams(streams, state.streams) ? 0 : 1)) & 0x1f;
    this.#pat = encodePat();
    this.#pmt = encodePmt(streams, this.#pmtVersion);
    this.#patContinuity = counter(PAT_PID);
    this.#pmtContinuity = counter(PMT_PID);
  }

  /** The program association and program map packets: at the start of each segment, or every 0.1 s in an endless stream. */
  writeTables(): Buffer {
    const out = Buffer.allocUnsafe(2 * TS_PACKET_BYTES);
    out.set(this.#pat, 0);
    out.set(this.#pmt, TS_PACKET_BYTES);
    out[3] = 0x10 | this.#patContinuity;
    out[TS_PACKET_BYTES + 3] = 0x10 | this.#pmtContinuity;
    this.#patContinuity = (this.#patContinuity + 1) & 0x0f;
    this.#pmtContinuity = (this.#pmtContinuity + 1) & 0x0f;
    return out;
  }

  /**
   * The packets of one access unit.
   *
   * @throws RangeError for an unknown packet id, a time that is no safe integer, or audio of 64 KiB and more
   */
  writeAccessUnit(unit: TsAccessUnit): Buffer {
    const lane = this.#lanes.get(unit.pid);
    if (lane === undefined) throw new RangeError(`No stream has packet id ${unit.pid}`);
    if (!Number.isSafeInteger(unit.pts90k) || !Number.isSafeInteger(unit.dts90k)) {
      throw new RangeError(`Times ${unit.pts90k} and ${unit.dts90k} must be whole ticks`);
    }
    let mediaBytes = 0;
    for (const piece of unit.data) mediaBytes += piece.length;
    const headBytes = this.#writeHead(unit, lane, mediaBytes);
    const payloadBytes = headBytes + mediaBytes;

    const hasClock = unit.pid === this.#clockPid;
    const flags = (unit.discontinuity === true ? DISCONTINUITY_FLAG : 0) | (unit.key ? RANDOM_ACCESS_FLAG : 0) | (hasClock ? CLOCK_FLAG : 0);
    const adaptationBytes = hasClock ? ADAPTATION_CLOCK_BYTES : flags === 0 ? 0 : ADAPTATION_FLAGS_BYTES;
    const packets = Math.ceil((payloadBytes + adaptationBytes) / PACKET_ROOM);
    const out = Buffer.allocUnsafe(packets * TS_PACKET_BYTES);

    let at = out.length - payloadBytes;
    out.set(this.#head.subarray(0, headBytes), at);
    at += headBytes;
    for (const piece of unit.data) {
      out.set(piece, at);
      at += piece.length;
    }
    spreadPayload(out, payloadBytes, adaptationBytes, lane);
    if (adaptationBytes > 0) out[5] = flags;
    if (hasClock) writeClock(out, 6, wrapClock(unit.dts90k - CLOCK_LEAD_90K));
    return out;
  }

  /** The counters as plain data, for the constructor of a successor. */
  exportState(): TsMuxerState {
    const continuity: Record<number, number> = { [PAT_PID]: this.#patContinuity, [PMT_PID]: this.#pmtContinuity };
    for (const [pid, lane] of this.#lanes) continuity[pid] = lane.continuity;
    return { streams: this.#streams.map((stream) => ({ ...stream })), pmtVersion: this.#pmtVersion, continuity };
  }

  /** Writes the PES header, for Opus with its control header behind, into the scratch memory; returns the size. */
  #writeHead(unit: TsAccessUnit, lane: Lane, mediaBytes: number): number {
    const opus = lane.stream.codec === 'opus';
    if (opus && mediaBytes > OPUS_PACKET_MAX_BYTES) throw new RangeError(`${mediaBytes} bytes are no Opus packet`);
    const controlBytes = opus ? 3 + Math.floor(mediaBytes / 255) : 0;
    const headerBytes = writePesHeader(this.#head, {
      streamId: lane.streamId,
      pts: wrapClock(unit.pts90k),
      dts: wrapClock(unit.dts90k),
      payloadBytes: controlBytes + mediaBytes,
      mayBeUnbounded: lane.streamId === VIDEO_STREAM_ID,
    });
    if (opus) writeOpusControl(this.#head, headerBytes, mediaBytes);
    return headerBytes + controlBytes;
  }
}

/**
 * Cuts the payload, which lies at the end of `out`, into packets: each share is moved forward to its place, where it never
 * overtakes what is still to be moved, so no packet needs memory or views of its own.
 */
function spreadPayload(out: Buffer, payloadBytes: number, adaptationBytes: number, lane: Lane): void {
  const pid = lane.stream.pid;
  let from = out.length - payloadBytes;
  for (let start = 0; start < out.length; start += TS_PACKET_BYTES) {
    const wanted = start === 0 ? adaptationBytes : 0;
    const share = Math.min(PACKET_ROOM - wanted, out.length - from);
    const adaptation = PACKET_ROOM - share;
    const to = start + TS_PACKET_BYTES - share;
    if (to !== from) out.copyWithin(to, from, from + share);
    from += share;
    out[start] = 0x47;
    out[start + 1] = (start === 0 ? 0x40 : 0) | (pid >> 8);
    out[start + 2] = pid & 0xff;
    out[start + 3] = (adaptation > 0 ? 0x30 : 0x10) | lane.continuity;
    lane.continuity = (lane.continuity + 1) & 0x0f;
    if (adaptation > 0) writeStuffing(out, start + PACKET_HEADER_BYTES, adaptation, wanted);
  }
}

/** An adaptation field of `size` bytes, of which all behind the first `used` is stuffing. @see ISO/IEC 13818-1 section 2.4.3.5 */
function writeStuffing(out: Buffer, at: number, size: number, used: number): void {
  out[at] = size - 1;
  if (size > 1) out[at + 1] = 0;
  const stuffing = Math.max(used, ADAPTATION_FLAGS_BYTES);
  if (size > stuffing) out.fill(0xff, at + stuffing, at + size);
}

/** A program clock reference: 33 bits of 90 kHz, six reserved, an extension of 0. @see ISO/IEC 13818-1 section 2.4.3.5 */
function writeClock(out: Buffer, at: number, clock: number): void {
  out.writeUInt32BE(Math.floor(clock / 2), at);
  out[at + 4] = (clock % 2 << 7) | 0x7e;
  out[at + 5] = 0;
}

/** The control header of an Opus access unit: eleven marker bits, no trimming, the size in bytes of 255 and a rest. */
function writeOpusControl(out: Uint8Array, start: number, packetBytes: number): void {
  out[start] = 0x7f;
  out[start + 1] = 0xe0;
  const last = start + 2 + Math.floor(packetBytes / 255);
  out.fill(0xff, start + 2, last);
  out[last] = packetBytes % 255;
}

function streamIdOf(stream: TsStream): number {
  if (isVideo(stream.codec)) return VIDEO_STREAM_ID;
  return stream.codec === 'opus' ? PRIVATE_STREAM_1 : AUDIO_STREAM_ID;
}

function isFreePid(pid: number): boolean {
  return Number.isInteger(pid) && pid >= SMALLEST_PID && pid <= LARGEST_PID && pid !== PMT_PID;
}

function sameStreams(left: readonly TsStream[], right: readonly TsStream[]): boolean {
  return left.length === right.length && left.every((stream, index) => sameStream(stream, right[index]));
}

function sameStream(left: TsStream, right: TsStream | undefined): boolean {
  return left.pid === right?.pid && left.codec === right.codec && (left.channels ?? 2) === (right.channels ?? 2);
}
