import { createSrtpCipher } from '../srtp/create-cipher.ts';
import type { SrtpCipher } from '../srtp/cipher.ts';
import { deriveSession, type SrtpSession } from '../srtp/key-derivation.ts';
import { RTCP_CLEAR_BYTES, SRTP_OVERHEAD_BYTES_MAX, type SrtpProfile } from '../srtp/keys.ts';
import { RTP_PACKET_BYTES_MAX, type Destination, type RtpSender, type SenderOptions } from './engine.ts';
import type { PreparedBurst } from './prepared-burst.ts';

/** Indices are never used twice under a key. @see RFC 3711 section 9.2 */
const SRTCP_INDEX_MAX = 0x7fff_ffff;

/** What the senders of all tiers share: destination, counters, and RTCP by node:crypto. */
export abstract class PeerSender implements RtpSender {
  readonly counters = { packets: 0, bytes: 0, dropped: 0 };
  readonly profile: SrtpProfile | undefined;
  protected readonly session: SrtpSession | undefined;
  protected destination: Destination;
  #closed = false;
  #srtcpIndex: number;
  #cipher: SrtpCipher | undefined;
  readonly #onClose: (() => void) | undefined;

  constructor({ destination, keys, srtcpIndex = 0, onClose }: SenderOptions) {
    this.profile = keys?.profile;
    this.session = keys === undefined ? undefined : deriveSession(keys);
    this.destination = destination;
    this.#srtcpIndex = srtcpIndex;
    this.#onClose = onClose;
  }

  get srtcpIndex(): number {
    return this.#srtcpIndex;
  }

  /** Sends a burst under the header of one member. */
  abstract sendBurst(burst: PreparedBurst, ssrc: number, payloadType: number, sequenceOffset: number): void;

  abstract sendRtp(packet: Uint8Array, sequence: number): void;

  setDestination(destination: Destination): void {
    this.destination = destination;
  }

  sendRtcp(packet: Uint8Array): void {
    if (this.#closed) return;
    if (packet.length < RTCP_CLEAR_BYTES || packet.length > RTP_PACKET_BYTES_MAX || this.#srtcpIndex >= SRTCP_INDEX_MAX) {
      this.counters.dropped++;
      return;
    }
    this.#srtcpIndex++;
    this.putRtcp(packet, this.#srtcpIndex);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose?.();
  }

  protected isClosed(): boolean {
    return this.#closed;
  }

  /** Protects and sends a packet under an index of its own. */
  protected putRtcp(packet: Uint8Array, index: number): void {
    const out = Buffer.allocUnsafe(packet.length + SRTP_OVERHEAD_BYTES_MAX);
    this.deliver(out.subarray(0, this.protectRtcp(packet, index, out)));
  }

  /** Writes what goes on the wire for a packet to `out`, by node:crypto, and answers its length. */
  protected protectRtcp(packet: Uint8Array, index: number, out: Uint8Array): number {
    if (this.cipher !== undefined) return this.cipher.protectRtcp(packet, index, out);
    out.set(packet);
    return packet.length;
  }

  /** The cipher by node:crypto, made when first needed; undefined for plain RTP. */
  protected get cipher(): SrtpCipher | undefined {
    if (this.#cipher === undefined && this.profile !== undefined && this.session !== undefined) this.#cipher = createSrtpCipher(this.profile, this.session);
    return this.#cipher;
  }

  /** Hands a finished packet over; its bytes stay untouched from now on, as the socket may queue them. */
  protected deliver(packet: Uint8Array): void {
    this.counters.packets++;
    this.counters.bytes += packet.length;
    const { destination } = this;
    if (destination.type === 'stream') destination.write(packet);
    else destination.socket.send(packet, destination.port, destination.address);
  }
}
