/** Where the 33-bit clock of a transport stream begins again. */
export const TS_CLOCK_WRAP = 0x2_0000_0000;
/** Longest header that `writePesHeader` writes: both time stamps. */
export const PES_HEADER_MAX_BYTES = 19;

const MAX_PACKET_LENGTH = 0xffff;
/** Bytes of the header up to its packet length field, which that field does not count. */
const UNCOUNTED_BYTES = 6;
const FIXED_HEADER_BYTES = 9;
const TIMESTAMP_BYTES = 5;

/** What a PES header says; times are 33-bit clock values. */
export interface PesHeader {
  readonly streamId: number;
  readonly pts: number;
  readonly dts: number;
  /** Bytes that follow the header. */
  readonly payloadBytes: number;
  /** A video packet may leave its length open; any other that is too long for the field is refused. */
  readonly mayBeUnbounded: boolean;
}

/** A time of any size, also negative, as the 33-bit clock shows it. */
export function wrapClock(ticks90k: number): number {
  const rest = ticks90k % TS_CLOCK_WRAP;
  return rest < 0 ? rest + TS_CLOCK_WRAP : rest;
}

/**
 * Writes a PES header at the start of `out` and returns its size in bytes; the decoding time is left out when equal.
 *
 * @throws RangeError when the packet length does not fit and may not be left open
 * @see ISO/IEC 13818-1 section 2.4.3.6
 */
export function writePesHeader(out: Uint8Array, header: PesHeader): number {
  const hasDts = header.dts !== header.pts;
  const timestampBytes = hasDts ? 2 * TIMESTAMP_BYTES : TIMESTAMP_BYTES;
  const headerBytes = FIXED_HEADER_BYTES + timestampBytes;
  let packetLength = headerBytes - UNCOUNTED_BYTES + header.payloadBytes;
  if (packetLength > MAX_PACKET_LENGTH) {
    if (!header.mayBeUnbounded) throw new RangeError(`${header.payloadBytes} bytes are too many for a bounded PES packet`);
    packetLength = 0;
  }
  out[0] = 0;
  out[1] = 0;
  out[2] = 1;
  out[3] = header.streamId;
  out[4] = packetLength >> 8;
  out[5] = packetLength;
  // Marker bits and data_alignment_indicator: an access unit begins right after the header.
  out[6] = 0x84;
  out[7] = hasDts ? 0xc0 : 0x80;
  out[8] = timestampBytes;
  writeTimestamp(out, FIXED_HEADER_BYTES, hasDts ? 3 : 2, header.pts);
  if (hasDts) writeTimestamp(out, FIXED_HEADER_BYTES + TIMESTAMP_BYTES, 1, header.dts);
  return headerBytes;
}

/** Three, fifteen and fifteen bits, each followed by a marker bit. */
function writeTimestamp(out: Uint8Array, at: number, prefix: number, value: number): void {
  const low = value % 0x4000_0000;
  out[at] = (prefix << 4) | (Math.floor(value / 0x4000_0000) << 1) | 1;
  out[at + 1] = low >> 22;
  out[at + 2] = (low >> 14) | 1;
  out[at + 3] = low >> 7;
  out[at + 4] = (low << 1) | 1;
}
