import { createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { CipherContext, DtlsClient, DtlsServer, HashAlgorithm, NamedCurveAlgorithm, SignatureAlgorithm } from 'werift';
import { messageOf } from '../../errors/wcs-error.ts';
import type { SrtpKeys } from '../srtp/keys.ts';
import type { Fingerprint } from './certificate.ts';
import { ClientMessages } from './client-messages.ts';
import { DtlsGate, type DtlsBehindGate, type GateRefusal } from './gate.ts';
import { DTLS_CONTENT, parseRecords } from './record.ts';
import type { RecordKey } from './record-cipher.ts';
import type { DtlsRemnant } from './remnant.ts';
import { ServerMessages } from './server-messages.ts';

/** Registered numbers of the profiles that we take, in the order that we prefer. @see RFC 7714 section 14.2, RFC 5764 section 4.1.2 */
const PROFILE_GCM = 7;
const PROFILE_CM = 1;
const MASTER_KEY_BYTES = 16;
const GCM_SALT_BYTES = 12;
const CM_SALT_BYTES = 14;
/** What our flights are packed into: fits the smallest path of IPv6 with its headers. @see RFC 8200 section 5 */
const FLIGHT_DATAGRAM_MAX_BYTES = 1200;
const SIGNATURE_HASH = { hash: HashAlgorithm.sha256_4, signature: SignatureAlgorithm.ecdsa_3 } as const;
/** Beyond any flight's number: tells the implementation's resend loop that the answer has come. */
const FLIGHT_OVER = 255;
/** How the implementation says that it repeats a flight no more. */
const GIVEN_UP = 'over retransmitCount';

/** Our certificate, shared by all peers. */
export interface DtlsIdentity {
  readonly fingerprint: Fingerprint;
  /** Certificate and key as the implementation behind takes them. */
  readonly parsed: { readonly localCert: Buffer; readonly localPrivateKey: { sign(data: Buffer, hash: string): Buffer }; readonly signatureHashAlgorithm: object };
}

/** Who begins the handshake: the client; what `a=setup` calls active. @see RFC 5763 section 5 */
export type DtlsRole = 'client' | 'server';

/** What a finished handshake leaves. */
export interface DtlsResult {
  readonly remnant: DtlsRemnant;
  readonly localKeys: SrtpKeys;
  readonly remoteKeys: SrtpKeys;
}

/** Told how a handshake goes. */
export interface DtlsEvents {
  send(datagram: Buffer): void;
  onConnected(result: DtlsResult): void;
  onFailed(info: GateRefusal['info'], detail: string): void;
  /** As client: what we have said is not answered, and repeated no more. */
  onSilence?(): void;
}

/** Makes a new certificate (ECDSA P-256, self-signed) and its key, PEM. */
export async function makeDtlsCertificate(): Promise<{ readonly cert: string; readonly key: string }> {
  const { certPem, keyPem } = await CipherContext.createSelfSignedCertificateWithKey(SIGNATURE_HASH, NamedCurveAlgorithm.secp256r1_23);
  return { cert: certPem, key: keyPem };
}

/**
 * One DTLS handshake: werift's implementation behind our gate, over whatever `events.send` sends through.
 * When it is over, nothing of werift is held: what a connected peer needs is in the result. This is the only file that
 * knows werift.
 */
export class DtlsHandshake {
  readonly #events: DtlsEvents;
  readonly #gate: DtlsGate;
  readonly #role: DtlsRole;
  #socket: DtlsServer | DtlsClient | undefined;
  #receive: (record: Buffer) => void = () => undefined;
  #unsent: Buffer[] = [];
  /** As server, everything sent since the client's Finished; as client, everything. */
  #lastFlight: Buffer[] | undefined;
  #error = '';

  /** @param fingerprints of which the peer's certificate has to have one */
  constructor(identity: DtlsIdentity, fingerprints: readonly Fingerprint[], events: DtlsEvents, role: DtlsRole = 'server') {
    this.#events = events;
    this.#role = role;
    this.#socket = this.#open(identity);
    this.#gate = new DtlsGate(this.#behind(this.#socket), role === 'server' ? new ClientMessages(fingerprints) : new ServerMessages(fingerprints));
  }

  /** As client: begins, and repeats what is not answered for half a minute. */
  start(): void {
    if (!(this.#socket instanceof DtlsClient)) return;
    this.#lastFlight = [];
    this.#socket.connect().catch(() => this.#onSilence());
  }

  /** Records that went no further than the gate. */
  get dropped(): number {
    return this.#gate.dropped;
  }

  /** The last thing that went wrong without ending the handshake, for the log. */
  get lastError(): string {
    return this.#error;
  }

  /** Takes one datagram of the peer. @throws ProtocolError when it is malformed */
  onDatagram(datagram: Buffer): void {
    if (this.#socket === undefined) return;
    try {
      this.#gate.onDatagram(datagram);
    } catch (error) {
      this.#error = messageOf(error);
      throw error;
    }
    const { refusal } = this.#gate;
    if (refusal === undefined) return;
    this.abort();
    this.#events.onFailed(refusal.info, refusal.detail);
  }

  /** Lets go of everything; no event follows. */
  abort(): void {
    if (this.#socket !== undefined) this.#socket.dtls.flight = FLIGHT_OVER;
    this.#socket = undefined;
    this.#receive = () => undefined;
    this.#unsent = [];
  }

  #open(identity: DtlsIdentity): DtlsServer | DtlsClient {
    const transport = {
      type: 'udp',
      address: { address: '', family: '', port: 0 },
      closed: false,
      onData: (): void => undefined,
      send: (data: Buffer): Promise<void> => {
        this.#enqueue(data);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
    const options = { transport, srtpProfiles: [PROFILE_GCM, PROFILE_CM] as (typeof PROFILE_GCM | typeof PROFILE_CM)[], extendedMasterSecret: true };
    // As client it would wait for a request that a server need not make.
    const socket = this.#role === 'server' ? new DtlsServer({ ...options, certificateRequest: true }) : new DtlsClient(options);
    // Given here, already parsed: with each handshake they would be parsed anew.
    Object.assign(socket.cipher, identity.parsed);
    socket.cipher.signatureData = (data, hash) => identity.parsed.localPrivateKey.sign(data, hash);
    const { onData }: { onData: (data: Buffer) => void } = transport;
    this.#receive = onData;
    socket.onConnect.subscribe(() => this.#onConnected());
    // Not final: a fault on the way is mended by the client's next try, or ends at the deadline.
    socket.onError.subscribe((error) => {
      this.#error = messageOf(error);
      if (this.#error.startsWith(GIVEN_UP)) this.#onSilence();
    });
    return socket;
  }

  #behind({ cipher, dtls }: DtlsServer | DtlsClient): DtlsBehindGate {
    return {
      take: (record) => this.#take(record),
      transcript: () => Buffer.concat(dtls.sortedHandshakeCache.map((message) => message.serialize())),
      clientRandom: () => cipher.localRandom.serialize(),
      secrets: () => {
        const keys = recordKeys(cipher, this.#role);
        return keys === undefined ? undefined : { masterSecret: cipher.masterSecret, readKey: keys.read };
      },
    };
  }

  #take(record: Buffer): void {
    if (record.readUInt16BE(3) > 0) this.#lastFlight ??= [];
    try {
      this.#receive(record);
    } catch (error) {
      this.#error = messageOf(error);
    }
  }

  /** A flight is written record by record in one tick; it leaves in as few datagrams as it fits. */
  #enqueue(data: Buffer): void {
    if (this.#socket === undefined) return;
    if (this.#unsent.length === 0) queueMicrotask(() => this.#flush());
    this.#unsent.push(data);
  }

  #flush(): void {
    const datagrams = packed(this.#unsent);
    this.#unsent = [];
    this.#lastFlight?.push(...datagrams);
    for (const datagram of datagrams) this.#events.send(datagram);
  }

  #onConnected(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#flush();
    const result = resultOf(socket, this.#role, this.#lastFlight ?? []);
    this.abort();
    if (result === undefined) this.#events.onFailed('Failed by DTLS error', 'The peer offers no SRTP profile that we know.');
    else this.#events.onConnected(result);
  }

  /** Nothing has come for so long that nobody repeats anything any more. */
  #onSilence(): void {
    if (this.#socket === undefined) return;
    this.abort();
    this.#events.onSilence?.();
  }
}

/**
 * The certificate and key of an identity in the form that each handshake takes them. The key signs by itself: the
 * implementation's own way reads it anew for every signature, which costs 18 times the signature.
 */
export function parseDtlsCertificate(cert: string, key: string): DtlsIdentity {
  const certificate = new X509Certificate(cert);
  const privateKey = createPrivateKey(key);
  return {
    fingerprint: { algorithm: 'sha-256', value: certificate.fingerprint256 },
    parsed: {
      localCert: certificate.raw,
      localPrivateKey: { sign: (data: Buffer, hash: string): Buffer => sign(hash, data, privateKey) },
      signatureHashAlgorithm: SIGNATURE_HASH,
    },
  };
}

function recordKeys({ cipher }: CipherContext, role: DtlsRole): { readonly read: RecordKey; readonly write: RecordKey } | undefined {
  // Declared as always there, but set by the client's key exchange only.
  const suite = cipher as typeof cipher | undefined;
  if (suite?.clientWriteKey === undefined || suite.clientNonce === undefined || suite.serverWriteKey === undefined || suite.serverNonce === undefined) return undefined;
  const saltOf = (nonce: Buffer): Uint8Array => Uint8Array.from(nonce.subarray(0, suite.nonceImplicitLength));
  const client = { key: Uint8Array.from(suite.clientWriteKey), salt: saltOf(suite.clientNonce) };
  const server = { key: Uint8Array.from(suite.serverWriteKey), salt: saltOf(suite.serverNonce) };
  return role === 'server' ? { read: client, write: server } : { read: server, write: client };
}

/** Everything in memory of its own: a view would keep the pool that it was cut from. */
function resultOf(socket: DtlsServer | DtlsClient, role: DtlsRole, sent: readonly Buffer[]): DtlsResult | undefined {
  const { srtpProfile } = socket.srtp;
  const keys = recordKeys(socket.cipher, role);
  if (srtpProfile === undefined || keys === undefined) return undefined;
  const isGcm = srtpProfile === PROFILE_GCM;
  const profile = isGcm ? 'AEAD_AES_128_GCM' : 'AES_CM_128_HMAC_SHA1_80';
  // A client's last flight has been answered.
  const lastFlight = role === 'server' ? sent : [];
  const exported: Readonly<Record<'localKey' | 'localSalt' | 'remoteKey' | 'remoteSalt', Uint8Array>> = socket.extractSessionKeys(MASTER_KEY_BYTES, isGcm ? GCM_SALT_BYTES : CM_SALT_BYTES);
  return {
    remnant: { readKey: keys.read.key, readSalt: keys.read.salt, writeKey: keys.write.key, writeSalt: keys.write.salt, nextSequence: sequenceAfter(sent), lastFlight: lastFlight.map((datagram) => Uint8Array.from(datagram)) },
    localKeys: { profile, masterKey: Uint8Array.from(exported.localKey), masterSalt: Uint8Array.from(exported.localSalt) },
    remoteKeys: { profile, masterKey: Uint8Array.from(exported.remoteKey), masterSalt: Uint8Array.from(exported.remoteSalt) },
  };
}

/** The nonce of a record follows from its sequence number: ours goes on after that of the Finished. */
function sequenceAfter(lastFlight: readonly Buffer[]): number {
  const used = lastFlight.flatMap((datagram) => parseRecords(datagram)).filter(({ epoch, type }) => epoch > 0 && type === DTLS_CONTENT.handshake);
  return Math.max(-1, ...used.map(({ sequence }) => sequence)) + 1;
}

function packed(records: readonly Buffer[]): Buffer[] {
  const datagrams: Buffer[][] = [];
  let room = 0;
  for (const record of records) {
    if (record.length > room) {
      datagrams.push([]);
      room = FLIGHT_DATAGRAM_MAX_BYTES;
    }
    datagrams.at(-1)?.push(record);
    room -= record.length;
  }
  return datagrams.map((parts) => Buffer.concat(parts));
}
