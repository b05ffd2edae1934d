import { DTLS_CONTENT, parseRecords } from './record.ts';
import { openRecord, sealRecord } from './record-cipher.ts';

/** What is left of a DTLS association once its SRTP keys are out: enough to tell and to say goodbye, and to repeat our last flight. Plain data. */
export interface DtlsRemnant {
  readonly readKey: Uint8Array;
  readonly readSalt: Uint8Array;
  readonly writeKey: Uint8Array;
  readonly writeSalt: Uint8Array;
  /** Sequence number of our next record of epoch 1. */
  readonly nextSequence: number;
  readonly lastFlight: readonly Uint8Array[];
}

/** What a datagram to a finished association asks for. */
export type RemnantEvent = 'closed' | 'repeat' | 'nothing';

/** Repetitions of our last flight that one peer may ask for: a client gives up long before. */
const LAST_FLIGHT_REPEATS_MAX = 10;
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

/** A finished association, which repeats our last flight where the peer has missed it. */
export class FinishedAssociation {
  readonly state: DtlsRemnant;
  #repeats = 0;

  constructor(state: DtlsRemnant) {
    this.state = state;
  }

  /** Takes a datagram, and says what it was. @throws ProtocolError when it is malformed */
  onDatagram(datagram: Buffer, send: (answer: Uint8Array) => void): RemnantEvent {
    const event = readRemnant(datagram, this.state);
    if (event === 'repeat' && this.#repeats < LAST_FLIGHT_REPEATS_MAX) {
      this.#repeats++;
      for (const sent of this.state.lastFlight) send(sent);
    }
    return event;
  }
}
