import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DTLS_1_2, writeRecord, type DtlsRecord } from './record.ts';

const CIPHER = 'aes-128-gcm';
/** The part of the nonce that each record carries. @see RFC 5288 section 3 */
const EXPLICIT_NONCE_BYTES = 8;
const TAG_BYTES = 16;

/** One direction's record key (16 bytes) and implicit nonce (4). @see RFC 5288 section 3 */
export interface RecordKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

/** Decrypts a record's body; undefined when it isn't authentic. @see RFC 5246 section 6.2.3.3, RFC 6347 section 4.1.2.1 */
export function openRecord(record: DtlsRecord, { key, salt }: RecordKey): Buffer | undefined {
  const { body } = record;
  if (body.length < EXPLICIT_NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = Buffer.concat([salt, body.subarray(0, EXPLICIT_NONCE_BYTES)]);
  const sealed = body.subarray(EXPLICIT_NONCE_BYTES, body.length - TAG_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAuthTag(body.subarray(body.length - TAG_BYTES));
  decipher.setAAD(additionalData(record, sealed.length));
  const plain = decipher.update(sealed);
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** Writes a protected record; `sequence` must never repeat under one key. */
export function sealRecord(outline: Pick<DtlsRecord, 'type' | 'epoch' | 'sequence'>, plain: Uint8Array, { key, salt }: RecordKey): Buffer {
  const explicit = Buffer.alloc(EXPLICIT_NONCE_BYTES);
  explicit.writeUInt16BE(outline.epoch, 0);
  explicit.writeUIntBE(outline.sequence, 2, 6);
  const cipher = createCipheriv(CIPHER, key, Buffer.concat([salt, explicit]), { authTagLength: TAG_BYTES });
  cipher.setAAD(additionalData({ ...outline, version: DTLS_1_2 }, plain.byteLength));
  const sealed = Buffer.concat([explicit, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return writeRecord({ ...outline, body: sealed });
}

/** Epoch and sequence number, type, version, length of the plain text. */
function additionalData({ type, version, epoch, sequence }: Omit<DtlsRecord, 'body' | 'bytes'>, plainBytes: number): Buffer {
  const data = Buffer.alloc(13);
  data.writeUInt16BE(epoch, 0);
  data.writeUIntBE(sequence, 2, 6);
  data.writeUInt8(type, 8);
  data.writeUInt16BE(version, 9);
  data.writeUInt16BE(plainBytes, 11);
  return data;
}
