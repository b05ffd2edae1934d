import { X509Certificate } from 'node:crypto';
import { DtlsClient } from 'werift';
import { makeDtlsCertificate } from '../../../core/rtp/dtls/handshake.ts';
import type { Fingerprint } from '../../../core/rtp/dtls/certificate.ts';

/** Certificate and key of a client, PEM, with the fingerprint that its description would name. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
  readonly fingerprint: Fingerprint;
}

/** A new certificate for a client. */
export async function clientCertificate(): Promise<ClientCertificate> {
  const pair = await makeDtlsCertificate();
  return { ...pair, fingerprint: { algorithm: 'sha-256', value: new X509Certificate(pair.cert).fingerprint256 } };
}

/** A DTLS-SRTP client over any two functions: another implementation as our peer. */
export class TestDtlsClient {
  readonly dtls: DtlsClient;
  /** Resolves when the handshake is done from the client's point of view. */
  readonly connected: Promise<void>;
  readonly #transport;

  /** @param profiles registered numbers of the SRTP profiles to offer; 7 is GCM, 1 is CM with an 80 bit tag */
  constructor({ cert, key }: ClientCertificate, send: (datagram: Buffer) => void, profiles: (1 | 7)[] = [1, 7]) {
    this.#transport = {
      type: 'udp',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: (_data: Buffer): void => undefined,
      send: (data: Buffer): Promise<void> => {
        send(data);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    this.dtls = new DtlsClient({ transport: this.#transport, cert, key, signatureHash: { hash: 4, signature: 3 }, srtpProfiles: profiles, extendedMasterSecret: true, certificateRequest: true });
    this.connected = new Promise((resolve) => this.dtls.onConnect.once(() => resolve()));
  }

  /** Sends the first ClientHello, and repeats it until something comes back. */
  start(): void {
    this.dtls.connect().catch(() => undefined);
  }

  /** Takes a datagram of the server. */
  receive(datagram: Buffer): void {
    this.#transport.onData(datagram);
  }

  /** A protected alert of the client, by default close_notify. */
  alert(level = 1, description = 0, sequence = 1000): Buffer {
    const header = { type: 21, version: 0xfefd, epoch: 1, sequenceNumber: sequence };
    const body = this.dtls.cipher.cipher.encrypt(this.dtls.sessionType, Buffer.from([level, description]), header);
    return plainRecord(21, 1, sequence, body);
  }

  /** Keys as the client has them: `local` is what it sends with. */
  keys(profile: 1 | 7): { localKey: Buffer; localSalt: Buffer; remoteKey: Buffer; remoteSalt: Buffer } {
    return this.dtls.extractSessionKeys(16, profile === 7 ? 12 : 14);
  }
}

/** A record of any type, epoch and number, with its body as given. */
export function plainRecord(type: number, epoch: number, sequence: number, body: Buffer): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt8(type, 0);
  head.writeUInt16BE(0xfefd, 1);
  head.writeUInt16BE(epoch, 3);
  head.writeUIntBE(sequence, 5, 6);
  head.writeUInt16BE(body.length, 11);
  return Buffer.concat([head, body]);
}
