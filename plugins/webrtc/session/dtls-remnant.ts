import { DTLS_CONTENT, parseRecords } from '../wire/dtls-record.ts';
import { openRecord, sealRecord } from './dtls-record-cipher.ts';
import type { DtlsRemnant } from './peer-state.ts';

/** What a datagram to a finished association asks for. */
export type RemnantEvent = 'closed' | 'repeat' | 'nothing';

const EPOCH_PROTECTED = 1;
/** Warning, close_notify. @see RFC 5246 section 7.2.1 */
const CLOSE_NOTIFY = Buffer.from([1, 0]);

/**
 * Reads a DTLS datagram of a connected peer: an authentic alert closes the transport, whatever its level; a repeated
 * Finished says that our last flight was lost. Everything else, and all that isn't protected, is nothing to us.
 *
 * @throws ProtocolError when the datagram holds no record
 * @see RFC 6347 section 4.2.4
 */
export function readRemnant(datagram: Buffer, remnant: DtlsRemnant): RemnantEvent {
  const readKey = { key: remnant.readKey, salt: remnant.readSalt };
  for (const record of parseRecords(datagram)) {
    const isForUs = record.epoch === EPOCH_PROTECTED && (record.type === DTLS_CONTENT.alert || record.type === DTLS_CONTENT.handshake);
    if (!isForUs || openRecord(record, readKey) === undefined) continue;
    return record.type === DTLS_CONTENT.alert ? 'closed' : 'repeat';
  }
  return 'nothing';
}

/** Our goodbye. To be sent once: the sequence number is used up. */
export function closeNotify({ nextSequence, writeKey, writeSalt }: DtlsRemnant): Buffer {
  return sealRecord({ type: DTLS_CONTENT.alert, epoch: EPOCH_PROTECTED, sequence: nextSequence }, CLOSE_NOTIFY, { key: writeKey, salt: writeSalt });
}
