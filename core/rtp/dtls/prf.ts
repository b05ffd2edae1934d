import { createHash, createHmac } from 'node:crypto';

/** Bytes of a Finished message's proof. @see RFC 5246 section 7.4.9 */
export const VERIFY_DATA_BYTES = 12;

/** The pseudo-random function of the SHA-256 cipher suites. @see RFC 5246 section 5 */
export function prfSha256(secret: Uint8Array, label: string, seed: Uint8Array, bytes: number): Buffer {
  const labelled = Buffer.concat([Buffer.from(label), seed]);
  const hmac = (data: Uint8Array): Buffer => createHmac('sha256', secret).update(data).digest();
  const blocks: Buffer[] = [];
  let chained: Buffer = labelled;
  for (let made = 0; made < bytes; made += 32) {
    chained = hmac(chained);
    blocks.push(hmac(Buffer.concat([chained, labelled])));
  }
  return Buffer.concat(blocks).subarray(0, bytes);
}

/** What the Finished of one side must say after a transcript. @see RFC 5246 section 7.4.9 */
export function verifyData(side: 'client' | 'server', masterSecret: Uint8Array, transcript: Uint8Array): Buffer {
  return prfSha256(masterSecret, `${side} finished`, createHash('sha256').update(transcript).digest(), VERIFY_DATA_BYTES);
}
