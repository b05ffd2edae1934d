import { FrameWatch } from '../../../support/webrtc/frame-watch.ts';
import { PayloadType } from '../../../support/webrtc/session-description.ts';
import { headerBytes, isRtcp, PROFILE_GCM_128 } from '../../../support/webrtc/srtp.ts';
import { Sequences } from '../sequences.ts';
import { openPeer, type LoadPeer, type PeerOptions } from './load-peer.ts';
import type { SentPackets } from './sent-packets.ts';

const VIDEO = 0;
const AUDIO = 1;
const REPORT_MS = 1000;

/** Counters at one moment. */
interface Snapshot {
  readonly packets: number;
  readonly bytes: number;
  readonly lost: number;
}

/** What a viewer got within the measured time. */
export interface ViewerReport extends Snapshot {
  readonly longestSilenceMs: number;
}

/**
 * A player. It counts headers; whole packets are opened until the first picture, and by a sampled viewer for good:
 * opening all would cost more than the server spends on them.
 */
export class Viewer {
  readonly startedAtMs = performance.now();
  joinMs: number | undefined;
  firstPictureMs: number | undefined;
  /** Packets whose tag was wrong. */
  forged = 0;
  readonly #streams = [new Sequences(), new Sequences()] as const;
  readonly #watch = new FrameWatch();
  readonly #sent: SentPackets | undefined;
  #peer: LoadPeer | undefined;
  #early: Buffer[] = [];
  #bytes = 0;
  #lastPacketAtMs = 0;
  #longestSilenceMs = 0;
  #mark: Snapshot = { packets: 0, bytes: 0, lost: 0 };
  #reports: NodeJS.Timeout | undefined;

  /** @param sent makes this a sampled viewer, which measures the way of each packet of video */
  constructor(sent?: SentPackets) {
    this.#sent = sent;
  }

  /** SRTP profile by its registered name. */
  get profile(): string {
    return this.#peer?.keys.profile === PROFILE_GCM_128 ? 'AEAD_AES_128_GCM' : 'AES_CM_128_HMAC_SHA1_80';
  }

  async join(options: Omit<PeerOptions, 'direction' | 'onMedia'>, timeoutMs: number): Promise<void> {
    this.#peer = await openPeer({ ...options, direction: 'recvonly', onMedia: (memory, at, length, nowMs) => this.#onMedia(memory, at, length, nowMs) }, timeoutMs);
    this.joinMs = performance.now() - this.startedAtMs;
    this.#reports = setInterval(() => this.#report(), REPORT_MS);
    for (const packet of this.#early.splice(0)) this.#onMedia(packet, 0, packet.length, performance.now());
  }

  leave(): void {
    clearInterval(this.#reports);
    this.#peer?.leave();
  }

  async end(): Promise<number> {
    clearInterval(this.#reports);
    return (await this.#peer?.end()) ?? 0;
  }

  /** The measured time begins. */
  mark(nowMs: number): void {
    this.#mark = this.#counters();
    this.#lastPacketAtMs = nowMs;
    this.#longestSilenceMs = 0;
  }

  /** What came since `mark`. */
  measured(nowMs: number): ViewerReport {
    const { packets, bytes, lost } = this.#counters();
    return {
      packets: packets - this.#mark.packets,
      bytes: bytes - this.#mark.bytes,
      lost: lost - this.#mark.lost,
      longestSilenceMs: Math.max(this.#longestSilenceMs, nowMs - this.#lastPacketAtMs),
    };
  }

  #counters(): Snapshot {
    const [video, audio] = this.#streams;
    const packets = video.received + audio.received;
    return { packets, bytes: this.#bytes, lost: video.expected + audio.expected - packets };
  }

  #onMedia(memory: Buffer, at: number, length: number, nowMs: number): void {
    if (this.#peer === undefined) {
      // The server may send before our side of the handshake has got its last message.
      this.#early.push(Buffer.from(memory.subarray(at, at + length)));
      return;
    }
    const second = memory[at + 1] ?? 0;
    if (second >= 192 && second <= 223) return;
    const stream = (second & 0x7f) === PayloadType.AUDIO ? AUDIO : VIDEO;
    const sequences = this.#streams[stream];
    const sequence = sequences.take(memory.readUInt16BE(at + 2));
    if (sequences.ssrc === 0) sequences.ssrc = memory.readUInt32BE(at + 8);
    this.#bytes += length;
    this.#longestSilenceMs = Math.max(this.#longestSilenceMs, nowMs - this.#lastPacketAtMs);
    this.#lastPacketAtMs = nowMs;
    if (stream === VIDEO && (this.#sent !== undefined || this.firstPictureMs === undefined)) this.#open(Buffer.from(memory.subarray(at, at + length)), sequence, nowMs);
  }

  #open(protectedPacket: Buffer, sequence: number, nowMs: number): void {
    if (this.#peer === undefined || isRtcp(protectedPacket)) return;
    let packet: Buffer;
    try {
      packet = this.#peer.keys.remote.unprotectRtp(protectedPacket, sequence);
    } catch {
      this.forged++;
      return;
    }
    const payload = packet.subarray(headerBytes(packet));
    this.#sent?.onReceived(payload, nowMs);
    if (this.firstPictureMs !== undefined) return;
    this.#watch.onPacket(sequence, packet.readUInt32BE(4), ((packet[1] ?? 0) & 0x80) !== 0, payload);
    if (this.#watch.keyFrames > 0) this.firstPictureMs = nowMs - this.startedAtMs;
  }

  /** A receiver report for the streams with something new. @see RFC 3550 section 6.4.2 */
  #report(): void {
    const streams = this.#streams.filter(({ received, reported }) => received > reported);
    if (streams.length === 0) return;
    const packet = Buffer.alloc(8 + 24 * streams.length);
    packet.writeUInt8(0x80 | streams.length, 0);
    packet.writeUInt8(201, 1);
    packet.writeUInt16BE(packet.length / 4 - 1, 2);
    packet.writeUInt32BE(1, 4);
    for (const [index, stream] of streams.entries()) {
      packet.writeUInt32BE(stream.ssrc, 8 + index * 24);
      packet.writeUInt32BE(stream.highest, 16 + index * 24);
      stream.reported = stream.received;
    }
    if (this.#peer !== undefined) this.#peer.send(this.#peer.keys.local.protectRtcp(packet));
  }
}
