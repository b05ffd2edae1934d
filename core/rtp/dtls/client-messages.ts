import { checkCertificate, provesPossession, type Fingerprint } from './certificate.ts';
import type { DtlsBehindGate, GateRefusal, PeerMessages } from './gate.ts';
import { DTLS_HANDSHAKE, type HandshakeMessage } from './handshake-message.ts';

/** A client's messages in their order; the second ClientHello brings the cookie of the first answer. @see RFC 6347 section 4.2.4 */
const ORDER = [DTLS_HANDSHAKE.clientHello, DTLS_HANDSHAKE.clientHello, DTLS_HANDSHAKE.certificate, DTLS_HANDSHAKE.clientKeyExchange, DTLS_HANDSHAKE.certificateVerify] as const;

/** What a client has to say, and to prove: that the certificate is the described one, and (by CertificateVerify) that its key is the client's. */
export class ClientMessages implements PeerMessages {
  readonly side = 'client';
  readonly finishedSequence = ORDER.length;
  readonly #fingerprints: readonly Fingerprint[];
  #certificate: Buffer | undefined;
  #proven = false;

  constructor(fingerprints: readonly Fingerprint[]) {
    this.#fingerprints = fingerprints;
  }

  get proven(): boolean {
    return this.#proven;
  }

  judge({ type, sequence, body }: HandshakeMessage, repeated: boolean, behind: DtlsBehindGate): 'take' | 'drop' | GateRefusal {
    // Of what is repeated, only a ClientHello asks for an answer.
    if (type !== ORDER[sequence] || (repeated && type !== DTLS_HANDSHAKE.clientHello)) return 'drop';
    if (type === DTLS_HANDSHAKE.certificate) {
      const certificate = checkCertificate(body, this.#fingerprints);
      if (!Buffer.isBuffer(certificate)) return certificate;
      this.#certificate = certificate;
    }
    if (type === DTLS_HANDSHAKE.certificateVerify) {
      this.#proven = this.#certificate !== undefined && provesPossession(body, this.#certificate, behind.transcript());
      if (!this.#proven) return { info: 'Failed by DTLS error', detail: 'The peer does not own the key of its certificate.' };
    }
    return 'take';
  }
}
