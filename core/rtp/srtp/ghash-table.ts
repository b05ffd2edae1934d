import { GHASH_TABLE_BYTES } from './gcm-module.ts';

const BLOCK_BYTES = 16;
const BLOCK_WORDS = 4;
const ENTRIES = 16;
/** What x to the power of 128 is in the field, in the order of bits that GCM has. @see NIST SP 800-38D section 6.3 */
const REDUCTION = 0xe100_0000;

/**
 * The products of a hash key with each half byte at each place of a block: entry `value` of place 2k is that of the low half of byte k,
 * of place 2k + 1 that of the high half.
 */
export function ghashTable(hashKey: Uint8Array): Uint8Array {
  const table = new Uint8Array(GHASH_TABLE_BYTES);
  const bytes = new DataView(table.buffer);
  const words = new Uint32Array(table.buffer);
  const key = new DataView(hashKey.buffer, hashKey.byteOffset, BLOCK_BYTES);
  let [a, b, c, d] = [key.getUint32(0), key.getUint32(4), key.getUint32(8), key.getUint32(12)];
  // The first bit of a block is the highest one of its first byte.
  for (let bit = 0; bit < 8 * BLOCK_BYTES; bit++) {
    const place = 2 * (bit >> 3) + ((bit & 4) === 0 ? 1 : 0);
    const at = (place * ENTRIES + (8 >> (bit & 3))) * BLOCK_BYTES;
    bytes.setUint32(at, a);
    bytes.setUint32(at + 4, b);
    bytes.setUint32(at + 8, c);
    bytes.setUint32(at + 12, d);
    const carry = d & 1 ? REDUCTION : 0;
    d = (d >>> 1) | (c << 31);
    c = (c >>> 1) | (b << 31);
    b = (b >>> 1) | (a << 31);
    a = (a >>> 1) ^ carry;
  }
  for (let entry = 0; entry < GHASH_TABLE_BYTES / BLOCK_BYTES; entry++) {
    const value = entry % ENTRIES;
    const rest = value & (value - 1);
    if (rest === 0) continue;
    const [one, others] = [entry - rest, entry - value + rest];
    for (let word = 0; word < BLOCK_WORDS; word++) words[entry * BLOCK_WORDS + word] = (words[one * BLOCK_WORDS + word] ?? 0) ^ (words[others * BLOCK_WORDS + word] ?? 0);
  }
  return table;
}
