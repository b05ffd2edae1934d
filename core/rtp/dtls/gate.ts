import { timingSafeEqual } from 'node:crypto';
import { ProtocolError } from '../../errors/wcs-error.ts';
import { firstCertificate, matchesFingerprint, provesPossession, type Fingerprint } from './certificate.ts';
import { DTLS_HANDSHAKE, DTLS_HANDSHAKE_HEADER_BYTES, HandshakeReassembler, type HandshakeMessage } from './handshake-message.ts';
import { clientVerifyData, VERIFY_DATA_BYTES } from './prf.ts';
import { DTLS_CONTENT, parseRecords, writeRecord, type DtlsRecord } from './record.ts';
import { openRecord, type RecordKey } from './record-cipher.ts';

/** What the gate asks of the DTLS implementation behind it. */
export interface DtlsBehindGate {
  /** Takes one record that holds one whole message. */
  take(record: Buffer): void;
  /** Every handshake message so far from the ClientHello with the cookie on, both sides, as the transcript hash covers them. */
  transcript(): Buffer;
  /** Known once the client's key exchange has been taken. */
  secrets(): { readonly masterSecret: Buffer; readonly readKey: RecordKey } | undefined;
}

/** Why a handshake can no longer succeed. */
export interface GateRefusal {
  readonly info: 'Failed by DTLS fingerprint error' | 'Failed by DTLS error';
  readonly detail: string;
}

/** A client's messages in their order; the second ClientHello brings the cookie of the first answer. @see RFC 6347 section 4.2.4 */
const ORDER = [DTLS_HANDSHAKE.clientHello, DTLS_HANDSHAKE.clientHello, DTLS_HANDSHAKE.certificate, DTLS_HANDSHAKE.clientKeyExchange, DTLS_HANDSHAKE.certificateVerify] as const;
const EPOCH_HANDSHAKE = 0;
const EPOCH_PROTECTED = 1;
/** A Finished in its record with nonce and tag. */
const FINISHED_RECORD_MAX_BYTES = 128;

/**
 * Stands before the DTLS server implementation during a handshake: lets through whole client messages in their order and
 * nothing else, and only after the checks that the implementation leaves out: the certificate's fingerprint, the proof of
 * its key (CertificateVerify) and the Finished value. Plain alerts, which anybody can write, go no further than the count.
 */
export class DtlsGate {
  readonly #behind: DtlsBehindGate;
  readonly #fingerprints: readonly Fingerprint[];
  readonly #reassembler = new HandshakeReassembler();
  /** Came before the messages that its key follows from. */
  #finished: DtlsRecord | undefined;
  #certificate: Buffer | undefined;
  #proven = false;
  #refusal: GateRefusal | undefined;
  #dropped = 0;

  constructor(behind: DtlsBehindGate, fingerprints: readonly Fingerprint[]) {
    this.#behind = behind;
    this.#fingerprints = fingerprints;
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
    if (this.#proven && this.#finished !== undefined) this.#onFinished(this.#finished);
  }

  #onMessage(message: HandshakeMessage, repeated: boolean): void {
    // Of what is repeated, only a ClientHello asks for an answer.
    if (this.#refusal !== undefined || message.type !== ORDER[message.sequence] || (repeated && message.type !== DTLS_HANDSHAKE.clientHello)) {
      this.#dropped++;
      return;
    }
    if (message.type === DTLS_HANDSHAKE.certificate) this.#checkCertificate(message.body);
    if (message.type === DTLS_HANDSHAKE.certificateVerify) this.#checkProof(message.body);
    if (!this.#isRefused()) this.#behind.take(writeRecord({ type: DTLS_CONTENT.handshake, epoch: EPOCH_HANDSHAKE, sequence: message.sequence, body: message.bytes }));
  }

  #checkCertificate(body: Buffer): void {
    const certificate = firstCertificate(body);
    if (certificate === undefined) return this.#refuse('Failed by DTLS fingerprint error', 'The peer has no certificate.');
    if (!matchesFingerprint(certificate, this.#fingerprints)) return this.#refuse('Failed by DTLS fingerprint error', 'The certificate is not the one of the description.');
    this.#certificate = Buffer.from(certificate);
  }

  #checkProof(body: Buffer): void {
    const certificate = this.#certificate;
    if (certificate === undefined || !provesPossession(body, certificate, this.#behind.transcript())) {
      return this.#refuse('Failed by DTLS error', 'The peer does not own the key of its certificate.');
    }
    this.#proven = true;
  }

  #onFinished(record: DtlsRecord): void {
    this.#finished = undefined;
    const secrets = this.#behind.secrets();
    const plain = secrets === undefined ? undefined : openRecord(record, secrets.readKey);
    if (secrets === undefined || plain === undefined) {
      this.#dropped++;
      return;
    }
    if (isFinished(plain, clientVerifyData(secrets.masterSecret, this.#behind.transcript()))) this.#behind.take(record.bytes);
    else this.#refuse('Failed by DTLS error', 'The Finished value of the peer is wrong.');
  }

  #refuse(info: GateRefusal['info'], detail: string): void {
    this.#refusal = { info, detail };
  }

  /** A call, so that the compiler doesn't take the earlier look for granted. */
  #isRefused(): boolean {
    return this.#refusal !== undefined;
  }
}

function isFinished(message: Buffer, expected: Buffer): boolean {
  if (message.length !== DTLS_HANDSHAKE_HEADER_BYTES + VERIFY_DATA_BYTES) throw new ProtocolError('The DTLS Finished has a wrong length.');
  const value = message.subarray(DTLS_HANDSHAKE_HEADER_BYTES);
  return message.readUInt8(0) === DTLS_HANDSHAKE.finished && message.readUInt16BE(4) === ORDER.length && timingSafeEqual(value, expected);
}
