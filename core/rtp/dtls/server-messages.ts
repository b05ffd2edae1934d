import { ProtocolError } from '../../errors/wcs-error.ts';
import { checkCertificate, provesPossession, type Fingerprint } from './certificate.ts';
import type { DtlsBehindGate, GateRefusal, PeerMessages } from './gate.ts';
import { DTLS_HANDSHAKE, type HandshakeMessage } from './handshake-message.ts';

const { helloVerifyRequest, serverHello, certificate, serverKeyExchange, certificateRequest, serverHelloDone } = DTLS_HANDSHAKE;
/** What may follow what; at first, a hello with or without a cookie before it. @see RFC 5246 section 7.3, RFC 6347 section 4.2.4 */
const NEXT: ReadonlyMap<number, readonly number[]> = new Map([
  [0, [helloVerifyRequest, serverHello]],
  [helloVerifyRequest, [serverHello]],
  [serverHello, [certificate]],
  [certificate, [serverKeyExchange]],
  [serverKeyExchange, [certificateRequest, serverHelloDone]],
  [certificateRequest, [serverHelloDone]],
]);
/** Behind the version in a ServerHello. @see RFC 5246 section 7.4.1.3 */
const RANDOM_OFFSET = 2;
const RANDOM_BYTES = 32;
/** Curve type, name of the curve, length of the point. @see RFC 8422 section 5.4 */
const CURVE_HEADER_BYTES = 4;

/** What a server has to say, and to prove: that the certificate is the described one, and (by the signature of its key exchange) that its key is the server's. */
export class ServerMessages implements PeerMessages {
  readonly side = 'server';
  readonly #fingerprints: readonly Fingerprint[];
  #last = 0;
  #sequence = 0;
  #certificate: Buffer | undefined;
  #serverRandom = Buffer.alloc(0);

  constructor(fingerprints: readonly Fingerprint[]) {
    this.#fingerprints = fingerprints;
  }

  get proven(): boolean {
    return this.#last === serverHelloDone;
  }

  get finishedSequence(): number {
    return this.#sequence + 1;
  }

  judge({ type, sequence, body }: HandshakeMessage, repeated: boolean, behind: DtlsBehindGate): 'take' | 'drop' | GateRefusal {
    // What is repeated has been answered, and our answer is repeated by itself.
    if (repeated || NEXT.get(this.#last)?.includes(type) !== true) return 'drop';
    if (type === serverHello) this.#serverRandom = Buffer.from(body.subarray(RANDOM_OFFSET, RANDOM_OFFSET + RANDOM_BYTES));
    if (type === certificate) {
      const shown = checkCertificate(body, this.#fingerprints);
      if (!Buffer.isBuffer(shown)) return shown;
      this.#certificate = shown;
    }
    if (type === serverKeyExchange && !this.#isSigned(body, behind.clientRandom())) return { info: 'Failed by DTLS error', detail: 'The peer does not own the key of its certificate.' };
    this.#last = type;
    this.#sequence = sequence;
    return 'take';
  }

  /** The signature has the shape of a CertificateVerify. @see RFC 8422 section 5.4 */
  #isSigned(body: Buffer, clientRandom: Buffer): boolean {
    const paramsBytes = CURVE_HEADER_BYTES + (body[CURVE_HEADER_BYTES - 1] ?? 0);
    if (body.length <= paramsBytes) throw new ProtocolError('The DTLS ServerKeyExchange is cut short.');
    return this.#certificate !== undefined && provesPossession(body.subarray(paramsBytes), this.#certificate, Buffer.concat([clientRandom, this.#serverRandom, body.subarray(0, paramsBytes)]));
  }
}
