/** Bytes that SHA-1 takes at a time, which is also the length of HMAC's padded keys. */
export const HMAC_BLOCK_BYTES = 64;

const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** The padded keys that an HMAC puts before its two inputs. @see RFC 2104 section 2 */
export function hmacPads(key: Uint8Array): { readonly inner: Uint8Array; readonly outer: Uint8Array } {
  const inner = new Uint8Array(HMAC_BLOCK_BYTES).fill(INNER_PAD);
  const outer = new Uint8Array(HMAC_BLOCK_BYTES).fill(OUTER_PAD);
  for (let at = 0; at < key.length; at++) {
    inner[at] = (key[at] ?? 0) ^ INNER_PAD;
    outer[at] = (key[at] ?? 0) ^ OUTER_PAD;
  }
  return { inner, outer };
}
