import { ProtocolError } from '../errors/wcs-error.ts';
import { vint, vintBytes } from './matroska-reader-ebml.ts';

/** What stands in front of the frames of a block. */
export interface BlockHead {
  readonly trackNumber: number;
  /** Ticks after the time of the cluster; may be negative. */
  readonly ticks: number;
  /** Of a SimpleBlock alone. */
  readonly key: boolean;
  readonly lacing: Lacing;
  readonly headBytes: number;
}

type Lacing = 'none' | 'xiph' | 'fixed' | 'ebml';

/** Bytes that the longest head has. */
export const BLOCK_HEAD_BYTES = 11;
const LACINGS: readonly Lacing[] = ['none', 'xiph', 'fixed', 'ebml'];

/** Reads the head of a block. @see RFC 9559 section 10.1 @throws ProtocolError */
export function parseBlockHead(bytes: Uint8Array): BlockHead {
  const numberBytes = vintBytes(bytes[0]);
  const [high, low = 0, flags] = bytes.subarray(numberBytes, numberBytes + 3);
  if (flags === undefined || high === undefined) throw new ProtocolError('A block is cut short');
  const trackNumber = vint(bytes.subarray(0, numberBytes)) ?? 0;
  return { trackNumber, ticks: ((high << 24) >> 16) | low, key: (flags & 0x80) !== 0, lacing: LACINGS[(flags >> 1) & 3] ?? 'none', headBytes: numberBytes + 3 };
}

/** The frames of a block, as views of it. @see RFC 9559 section 10.3 @throws ProtocolError */
export function framesOf(block: Uint8Array, { lacing, headBytes }: BlockHead): Uint8Array[] {
  const body = block.subarray(headBytes);
  if (lacing === 'none') return [body];
  const count = (body[0] ?? 0) + 1;
  const { sizes, at } = lacing === 'xiph' ? xiphSizes(body, count) : lacing === 'ebml' ? ebmlSizes(body, count) : fixedSizes(body, count);
  const frames: Uint8Array[] = [];
  let position = at;
  for (const size of sizes) {
    if (size < 0 || position + size > body.length) throw new ProtocolError('A frame leaves its block', headBytes + position);
    frames.push(body.subarray(position, position + size));
    position += size;
  }
  if (lacing !== 'fixed') frames.push(body.subarray(position));
  return frames;
}

interface LaceSizes {
  /** Of all frames but the last, which takes the rest; of all with fixed sizes. */
  readonly sizes: readonly number[];
  readonly at: number;
}

function xiphSizes(body: Uint8Array, count: number): LaceSizes {
  const sizes: number[] = [];
  let at = 1;
  while (sizes.length < count - 1) {
    let size = 0;
    let byte = 255;
    while (byte === 255) {
      byte = body[at] ?? -1;
      if (byte < 0) throw new ProtocolError('The sizes of a block are cut short', at);
      size += byte;
      at += 1;
    }
    sizes.push(size);
  }
  return { sizes, at };
}

/** The first size as it is, then differences. */
function ebmlSizes(body: Uint8Array, count: number): LaceSizes {
  const sizes: number[] = [];
  let at = 1;
  let size = 0;
  while (sizes.length < count - 1) {
    const bytes = vintBytes(body[at], at);
    const value = vint(body.subarray(at, at + bytes), at) ?? 2 ** (7 * bytes) - 1;
    size = sizes.length === 0 ? value : size + value - (2 ** (7 * bytes - 1) - 1);
    sizes.push(size);
    at += bytes;
  }
  return { sizes, at };
}

function fixedSizes(body: Uint8Array, count: number): LaceSizes {
  const size = (body.length - 1) / count;
  if (!Number.isInteger(size)) throw new ProtocolError('A block of frames of one size has no whole number of bytes for each');
  return { sizes: Array.from({ length: count }, () => size), at: 1 };
}
