import { DtlsHandshake, makeDtlsCertificate, parseDtlsCertificate, type DtlsIdentity, type DtlsResult } from '../../../core/rtp/dtls/handshake.ts';
import { TestDtlsClient, type ClientCertificate } from './dtls-client.ts';

/** What a pair of peers does to each other. */
export interface PairOptions {
  readonly client: ClientCertificate;
  /** Certificate that the description of the client names; by default the client's own. */
  readonly described?: ClientCertificate;
  readonly profiles?: (1 | 7)[];
  /** What becomes of each datagram of the client: any number of others, in any order. */
  readonly onTheWay?: (datagram: Buffer) => readonly Buffer[];
}

/** Our server and another implementation's client, without a network between them. */
export class DtlsPair {
  readonly client: TestDtlsClient;
  readonly server: DtlsHandshake;
  readonly sent: Buffer[] = [];
  readonly errors: unknown[] = [];
  result: DtlsResult | undefined;
  failure: string | undefined;

  constructor(identity: DtlsIdentity, { client, described = client, profiles, onTheWay = (datagram) => [datagram] }: PairOptions) {
    this.server = new DtlsHandshake(identity, [described.fingerprint], {
      send: (datagram) => {
        this.sent.push(datagram);
        setImmediate(() => this.client.receive(datagram));
      },
      onConnected: (result) => (this.result = result),
      onFailed: (info, detail) => (this.failure = `${info}: ${detail}`),
    });
    this.client = new TestDtlsClient(client, (datagram) => {
      setImmediate(() => {
        for (const arrived of onTheWay(datagram)) this.deliver(arrived);
      });
    }, profiles);
  }

  /** Gives one datagram to the server, as the transport does. */
  deliver(datagram: Buffer): void {
    try {
      this.server.onDatagram(datagram);
    } catch (error) {
      this.errors.push(error);
    }
  }
}

/** A server's identity, made once for a test file. */
export async function serverIdentity(): Promise<DtlsIdentity> {
  const { cert, key } = await makeDtlsCertificate();
  return parseDtlsCertificate(cert, key);
}
