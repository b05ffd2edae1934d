import { timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '../../errors/wcs-error.ts';
import { DTLS_HANDSHAKE, DTLS_HANDSHAKE_HEADER_BYTES, HandshakeReassembler, type HandshakeMessage } from './handshake-message.ts';
import { VERIFY_DATA_BYTES, verifyData } from './prf.ts';
import { DTLS_CONTENT, parseRecords, writeRecord, type DtlsRecord } from './record.ts';
import { openRecord, type RecordKey } from './record-cipher.ts';

/** What the gate asks of the DTLS implementation behind it. */
export interface DtlsBehindGate {
  /** Takes one record that holds one whole message. */
  take(record: Buffer): void;
  /** Every handshake message so far from the ClientHello with the cookie on, both sides, as the transcript hash covers them. */
  transcript(): Buffer;
  /** Of the ClientHello, 32 bytes. */
  clientRandom(): Buffer;
  /** Known once the keys have been exchanged. */
  secrets(): { readonly masterSecret: Buffer; readonly readKey: RecordKey } | undefined;
}

/** Why a handshake can no longer succeed. */
export interface GateRefusal {
  readonly info: 'Failed by DTLS fingerprint error' | 'Failed by DTLS error';
  readonly detail: string;
}

/** Which messages of the other side may come, and what each has to prove. */
export interface PeerMessages {
  readonly side: 'client' | 'server';
  /** All that goes before the Finished has come, and is of whom the description names. */
  readonly proven: boolean;
  /** Message number of the Finished. */
  readonly finishedSequence: number;
  /** @throws ProtocolError when it is malformed */
  judge(message: HandshakeMessage, repeated: boolean, behind: DtlsBehindGate): 'take' | 'drop' | GateRefusal;
}

const EPOCH_HANDSHAKE = 0;
const EPOCH_PROTECTED = 1;
/** A Finished in its record with nonce and tag. */
const FINISHED_RECORD_MAX_BYTES = 128;

/**
 * Stands before the DTLS implementation during a handshake: lets through whole messages of the peer in their order and
 * nothing else, and only after the checks that the implementation leaves out: the certificate's fingerprint, the proof of
 * its key and the Finished value. Plain alerts, which anybody can write, go no further than the count.
 */
export class DtlsGate {
  readonly #behind: DtlsBehindGate;
  readonly #peer: PeerMessages;
  readonly #reassembler = new HandshakeReassembler();
  /** Came before the messages that its key follows from. */
  #finished: DtlsRecord | undefined;
  #refusal: GateRefusal | undefined;
  #dropped = 0;

  constructor(behind: DtlsBehindGate, peer: PeerMessages) {
    this.#behind = behind;
    this.#peer = peer;
  }

  /** Set once the handshake can no longer succeed. */
  get refusal(): GateRefusal | undefined {
    return this.#refusal;
  }

  /** Records and messages that went no further. */
  get dropped(): number {
    return this.#dropped;
  }

  /** @throws ProtocolError when the datagram is malformed; what came whole before the fault has been taken */
  onDatagram(datagram: Buffer): void {
    for (const record of parseRecords(datagram)) {
      if (this.#refusal !== undefined) return;
      if (record.epoch === EPOCH_HANDSHAKE && record.type === DTLS_CONTENT.handshake) this.#reassembler.push(record.body, (message, repeated) => this.#onMessage(message, repeated));
      else if (record.epoch === EPOCH_PROTECTED && record.type === DTLS_CONTENT.handshake && record.bytes.length <= FINISHED_RECORD_MAX_BYTES) this.#finished = record;
      // The change of cipher shows in the epoch; the message says nothing more.
      else if (record.type !== DTLS_CONTENT.changeCipherSpec) this.#dropped++;
    }
    if (this.#peer.proven && this.#finished !== undefined) this.#onFinished(this.#finished);
  }

  #onMessage(message: HandshakeMessage, repeated: boolean): void {
    const verdict = this.#refusal === undefined ? this.#peer.judge(message, repeated, this.#behind) : 'drop';
    if (verdict === 'drop') this.#dropped++;
    else if (verdict === 'take') this.#behind.take(writeRecord({ type: DTLS_CONTENT.handshake, epoch: EPOCH_HANDSHAKE, sequence: message.sequence, body: message.bytes }));
    else this.#refusal = verdict;
  }

  #onFinished(record: DtlsRecord): void {
    this.#finished = undefined;
    const secrets = this.#behind.secrets();
    const plain = secrets === undefined ? undefined : openRecord(record, secrets.readKey);
    if (secrets === undefined || plain === undefined) {
      this.#dropped++;
      return;
    }
    const { side, finishedSequence } = this.#peer;
    if (isFinished(plain, finishedSequence, verifyData(side, secrets.masterSecret, this.#behind.transcript()))) this.#behind.take(record.bytes);
    else this.#refusal = { info: 'Failed by DTLS error', detail: 'The Finished value of the peer is wrong.' };
  }
}

function isFinished(message: Buffer, sequence: number, expected: Buffer): boolean {
  if (message.length !== DTLS_HANDSHAKE_HEADER_BYTES + VERIFY_DATA_BYTES) throw new ProtocolError('The DTLS Finished has a wrong length.');
  const value = message.subarray(DTLS_HANDSHAKE_HEADER_BYTES);
  return message.readUInt8(0) === DTLS_HANDSHAKE.finished && message.readUInt16BE(4) === sequence && timingSafeEqual(value, expected);
}
