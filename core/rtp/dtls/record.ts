import { ProtocolError } from '../../errors/wcs-error.ts';

/** @see RFC 6347 section 4.1, RFC 5246 section 6.2.1 */
export const DTLS_CONTENT = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;

/** Type, version, epoch, sequence number, length. */
export const DTLS_RECORD_HEADER_BYTES = 13;
/** Largest body of a protected record. @see RFC 5246 section 6.2.3 */
export const DTLS_RECORD_MAX_BYTES = 0x4000 + 2048;
/** A flight in one datagram has about five. */
export const DTLS_RECORDS_MAX = 32;
/** DTLS 1.2 as the record layer writes it. */
export const DTLS_1_2 = 0xfefd;
/** What a ClientHello's record may say instead. @see RFC 6347 section 4.1 */
const DTLS_1_0 = 0xfeff;

/** One record of a datagram. */
export interface DtlsRecord {
  readonly type: number;
  readonly version: number;
  readonly epoch: number;
  /** 48 bits. */
  readonly sequence: number;
  readonly body: Buffer;
  /** The whole record, header included. */
  readonly bytes: Buffer;
}

/**
 * Cuts a datagram into its records; a record that reaches beyond it ends the list.
 *
 * @throws ProtocolError when not even the first record is whole, or there are too many
 * @see RFC 6347 section 4.1
 */
export function parseRecords(datagram: Buffer): readonly DtlsRecord[] {
  const records: DtlsRecord[] = [];
  for (let offset = 0; datagram.length - offset >= DTLS_RECORD_HEADER_BYTES; ) {
    const length = datagram.readUInt16BE(offset + 11);
    const end = offset + DTLS_RECORD_HEADER_BYTES + length;
    const version = datagram.readUInt16BE(offset + 1);
    if (length > DTLS_RECORD_MAX_BYTES || end > datagram.length || (version !== DTLS_1_2 && version !== DTLS_1_0)) break;
    if (records.length === DTLS_RECORDS_MAX) throw new ProtocolError('Too many DTLS records in a datagram.', offset);
    records.push({
      type: datagram.readUInt8(offset),
      version,
      epoch: datagram.readUInt16BE(offset + 3),
      sequence: datagram.readUIntBE(offset + 5, 6),
      body: datagram.subarray(offset + DTLS_RECORD_HEADER_BYTES, end),
      bytes: datagram.subarray(offset, end),
    });
    offset = end;
  }
  if (records.length === 0) throw new ProtocolError('No whole DTLS record in the datagram.', 0);
  return records;
}

/** Writes a record's header and its body. @see RFC 6347 section 4.1 */
export function writeRecord({ type, epoch, sequence, body }: Pick<DtlsRecord, 'type' | 'epoch' | 'sequence'> & { readonly body: Uint8Array }): Buffer {
  const record = Buffer.alloc(DTLS_RECORD_HEADER_BYTES + body.byteLength);
  record.writeUInt8(type, 0);
  record.writeUInt16BE(DTLS_1_2, 1);
  record.writeUInt16BE(epoch, 3);
  record.writeUIntBE(sequence, 5, 6);
  record.writeUInt16BE(body.byteLength, 11);
  record.set(body, DTLS_RECORD_HEADER_BYTES);
  return record;
}
