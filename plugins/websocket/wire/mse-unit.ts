/** Appends bytes; numbers are big-endian. */
export interface UnitSink {
  u8(value: number): void;
  u16(value: number): void;
  u32(value: number): void;
  put(bytes: Uint8Array): void;
}

/** Kind of a unit: the numbers of FLV tags. */
export const MSE_UNIT = { audio: 8, video: 9 } as const;

const UNIT_HEAD_BYTES = 9;
/** First byte of a binary frame that is a whole message. @see RFC 6455 section 5.2 */
const BINARY_FRAME = 0x82;

/** One unit of media. */
export interface MseUnit {
  readonly kind: keyof typeof MSE_UNIT;
  readonly timestampMs: number;
  /** The payload, in pieces. */
  readonly body: readonly Uint8Array[];
}

/**
 * Appends one unit as one unmasked WebSocket frame.
 *
 * @see WebSocket signalling section 8.1
 */
export function appendUnitFrame(out: UnitSink, { kind, timestampMs, body }: MseUnit): void {
  let length = 0;
  for (const piece of body) length += piece.length;
  appendFrameHead(out, UNIT_HEAD_BYTES + length);
  out.u8(MSE_UNIT[kind]);
  out.u32(timestampMs >>> 0);
  out.u32(length);
  for (const piece of body) out.put(piece);
}

function appendFrameHead(out: UnitSink, length: number): void {
  out.u8(BINARY_FRAME);
  if (length < 126) out.u8(length);
  else if (length < 65_536) {
    out.u8(126);
    out.u16(length);
  } else {
    out.u8(127);
    out.u32(0);
    out.u32(length);
  }
}
