import { createHash, randomBytes } from 'node:crypto';
import { DtlsClient, RTCDtlsTransport, type RTCCertificate, type Transport } from 'werift';
import { PROFILE_CM_SHA1_80, PROFILE_GCM_128, SrtpDirection } from './srtp.ts';
import { encodeCheck, isStun, parseCheckAnswer } from './stun.ts';

/** A host candidate's priority. @see RFC 8445 section 5.1.2.1 */
const PRIORITY = 0x7eff_ffff;
const CHECK_RETRY_MS = 100;
/** Consent is renewed every five seconds, spread by 20 %. @see RFC 7675 section 5.1 */
const CONSENT_MS = 5000;
const ALERT = 21;
/** The socket below is connected; werift has no use for addresses then. */
const NO_ADDRESS: [string, number] = ['127.0.0.1', 0];
const CLOSE_NOTIFY = Uint8Array.of(1, 0);
const DTLS_1_2 = 0xfefd;

/** A certificate that many peers share, as the tabs of one browser do not, because making one is not what is measured. */
export async function makeCertificate(): Promise<RTCCertificate> {
  return RTCDtlsTransport.SetupCertificate();
}

/** `sha-256 AA:BB:…` as it stands in SDP. */
export function fingerprintOf(certificate: RTCCertificate): string {
  const sha256 = certificate.getFingerprints().find(({ algorithm }) => algorithm === 'sha-256');
  if (sha256 === undefined) throw new Error('The certificate has no SHA-256 fingerprint');
  return `sha-256 ${sha256.value}`;
}

/** What a transport is made of. */
export interface TransportOptions {
  readonly certificate: RTCCertificate;
  /** Profiles in the client's order; default: GCM, then CM. */
  readonly profiles?: readonly number[];
  /** Sends one datagram to the server's candidate. */
  send(datagram: Uint8Array): void;
  /** RTP and RTCP, protected as they came. */
  onMedia(datagram: Buffer): void;
}

/** Keys of both directions. */
export interface MediaKeys {
  readonly profile: number;
  readonly local: SrtpDirection;
  readonly remote: SrtpDirection;
}

/** Controlling ICE agent and DTLS client towards one candidate of an ICE-lite server. */
export class ClientTransport {
  ufrag = randomBytes(3).toString('hex');
  pwd = randomBytes(12).toString('hex');
  /** Checks that the server answered. */
  checksAnswered = 0;
  /** Records of alerts that came, whatever they say: the server's last words. */
  alerts = 0;
  readonly #options: TransportOptions;
  readonly #tieBreaker = randomBytes(8);
  readonly #dtls: DtlsClient;
  readonly #wire: Transport;
  readonly #connected: Promise<MediaKeys>;
  #resolve: (keys: MediaKeys) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #remote = { ufrag: '', pwd: '', fingerprint: '' };
  #isHandshaking = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#connected = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#wire = {
      type: 'udp',
      closed: false,
      address: { address: NO_ADDRESS[0], family: 'IPv4', port: NO_ADDRESS[1] },
      onData: () => undefined,
      send: async (datagram) => {
        if (!this.#isClosed) options.send(datagram);
        return Promise.resolve();
      },
      close: async () => Promise.resolve(),
    };
    const { certPem, privateKey, signatureHash } = options.certificate;
    const profiles = options.profiles ?? [PROFILE_GCM_128, PROFILE_CM_SHA1_80];
    // werift names its profiles by an enumeration of these two numbers.
    const srtpProfiles = profiles.filter((profile) => profile === PROFILE_CM_SHA1_80 || profile === PROFILE_GCM_128);
    this.#dtls = new DtlsClient({ transport: this.#wire, cert: certPem, key: privateKey, signatureHash, srtpProfiles, extendedMasterSecret: true });
    this.#dtls.onConnect.subscribe(() => this.#connect());
  }

  /** Checks the candidate until it answers, shakes hands, and gives the keys. */
  start(remote: { readonly ufrag: string; readonly pwd: string; readonly fingerprint: string }): Promise<MediaKeys> {
    this.#remote = { ...remote };
    this.#check();
    return this.#connected;
  }

  /** New credentials of our own, for a restart of ICE. @see RFC 8445 section 9 */
  renew(): void {
    this.ufrag = randomBytes(3).toString('hex');
    this.pwd = randomBytes(12).toString('hex');
  }

  /** Checks with the new credentials of both sides from now on. */
  restart(remote: { readonly ufrag: string; readonly pwd: string }): void {
    this.#remote = { ...this.#remote, ...remote };
    clearTimeout(this.#timer);
    this.checksAnswered = 0;
    this.#check();
  }

  /** Takes a datagram from the server. */
  onDatagram(datagram: Buffer): void {
    if (this.#isClosed) return;
    const first = datagram[0] ?? 0;
    if (first >= 128 && first <= 191) this.#options.onMedia(datagram);
    else if (first >= 20 && first <= 63) {
      if (first === ALERT) this.alerts++;
      this.#wire.onData(datagram, NO_ADDRESS);
    } else if (isStun(datagram)) this.#onCheckAnswer(datagram);
  }

  /** Leaves: a browser's last words are a DTLS alert. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#dtls.connected) this.#options.send(this.#closeNotify());
    this.abandon();
  }

  /** Leaves without a word, as a phone in a tunnel does. */
  abandon(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#reject(new Error('closed'));
    // Nobody may be waiting any more.
    this.#connected.catch(() => undefined);
  }

  #check(): void {
    const { ufrag, pwd } = this.#remote;
    this.#options.send(encodeCheck({ transactionId: randomBytes(12), username: `${ufrag}:${this.ufrag}`, password: pwd, priority: PRIORITY, tieBreaker: this.#tieBreaker, useCandidate: true }));
    this.#timer = setTimeout(() => this.#check(), this.checksAnswered === 0 ? CHECK_RETRY_MS : CONSENT_MS * (0.8 + 0.4 * Math.random()));
  }

  #onCheckAnswer(datagram: Buffer): void {
    const answer = parseCheckAnswer(datagram, this.#remote.pwd);
    if (answer === undefined || answer.errorCode !== undefined) return;
    this.checksAnswered++;
    if (this.#isHandshaking) return;
    this.#isHandshaking = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), CONSENT_MS * Math.random());
    this.#dtls.connect().catch((error: unknown) => this.#reject(error));
  }

  #connect(): void {
    const certificate = this.#dtls.remoteCertificate;
    const found = certificate === undefined ? '' : createHash('sha256').update(certificate).digest('hex').toUpperCase();
    if (this.#remote.fingerprint.replace(/^sha-256 /, '').replaceAll(':', '').toUpperCase() !== found) {
      this.#reject(new Error("The server's certificate is not that of its answer"));
      return;
    }
    const profile = Number(this.#dtls.srtp.srtpProfile);
    const keys = this.#dtls.extractSessionKeys(16, profile === PROFILE_GCM_128 ? 12 : 14) as Record<'localKey' | 'localSalt' | 'remoteKey' | 'remoteSalt', Buffer>;
    this.#resolve({
      profile,
      local: new SrtpDirection({ profile, key: keys.localKey, salt: keys.localSalt }),
      remote: new SrtpDirection({ profile, key: keys.remoteKey, salt: keys.remoteSalt }),
    });
  }

  /** werift writes no alerts, but its cipher protects whatever record it is given. @see RFC 6347 section 4.1 */
  #closeNotify(): Buffer {
    const sequenceNumber = ++this.#dtls.dtls.recordSequenceNumber;
    const { cipher, sessionType } = this.#dtls.cipher;
    const sealed = cipher.encrypt(sessionType, Buffer.from(CLOSE_NOTIFY), { type: ALERT, version: DTLS_1_2, epoch: 1, sequenceNumber });
    const header = Buffer.alloc(13);
    header.writeUInt8(ALERT, 0);
    header.writeUInt16BE(DTLS_1_2, 1);
    header.writeUInt16BE(1, 3);
    header.writeUIntBE(sequenceNumber, 5, 6);
    header.writeUInt16BE(sealed.length, 11);
    return Buffer.concat([header, sealed]);
  }
}
