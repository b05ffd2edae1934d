import { randomFillSync } from 'node:crypto';

/** The only version of the handshake that is in use; 6 is the encrypted one, which needs keys that only Adobe has. */
export const HANDSHAKE_VERSION = 3;

const PART_BYTES = 1536;
/** Time and zero, in front of the random bytes. Zeros say that no digest is hidden in them: every server takes that. */
const PLAIN_HEAD_BYTES = 8;

/** C0 and C1, what a client says first. @see RTMP 1.0 sections 5.2.2 and 5.2.3 */
export function encodeClientHello(): Buffer {
  const hello = Buffer.alloc(1 + PART_BYTES);
  hello[0] = HANDSHAKE_VERSION;
  randomFillSync(hello, 1 + PLAIN_HEAD_BYTES);
  return hello;
}
