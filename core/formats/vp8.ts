import { ProtocolError } from '../errors/wcs-error.ts';

/** What a VP8 key frame says of itself. @see RFC 6386 section 9.1 */
export interface Vp8KeyFrame {
  /** 0 to 3: the reconstruction filter and loop filter in use. */
  readonly version: number;
  readonly width: number;
  readonly height: number;
}

/** The `codecs` parameter. */
export const VP8_CODEC_STRING = 'vp8';

const KEY_HEADER_BYTES = 10;

/** Whether a frame is a key frame: the lowest bit of the frame tag is 0. */
export function isKeySample(sample: Uint8Array): boolean {
  return sample.length > 0 && ((sample[0] ?? 1) & 1) === 0;
}

/** Reads the header of a key frame; an inter frame throws a `ProtocolError`, as it has no size. */
export function parseVp8KeyFrame(sample: Uint8Array): Vp8KeyFrame {
  if (!isKeySample(sample)) throw new ProtocolError('Not a VP8 key frame', 0);
  const [tag = 0, , , s0, s1, s2, w0 = 0, w1 = 0, h0 = 0, h1] = sample.subarray(0, KEY_HEADER_BYTES);
  if (h1 === undefined) throw new ProtocolError('A VP8 key frame is cut short', sample.length);
  if (s0 !== 0x9d || s1 !== 0x01 || s2 !== 0x2a) throw new ProtocolError('A VP8 key frame without its start code', 3);
  return { version: (tag >> 1) & 7, width: ((w1 & 0x3f) << 8) | w0, height: ((h1 & 0x3f) << 8) | h0 };
}
