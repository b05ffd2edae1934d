import { randomInt } from 'node:crypto';
import { TICKS_PER_MS, type ClipFrame, type Kind, type RtpClip } from '../../../support/webrtc/rtp-clip.ts';
import { PayloadType } from '../../../support/webrtc/session-description.ts';
import { openPeer, type LoadPeer, type PeerOptions } from './load-peer.ts';
import type { SentPackets } from './sent-packets.ts';

const REPORT_MS = 1000;
const TICK_MS = 4;
/** Seconds between 1900 and 1970. @see RFC 3550 section 4 */
const NTP_EPOCH = 2_208_988_800;

/** One stream on its way. */
interface Outgoing {
  readonly kind: Kind;
  readonly ssrc: number;
  readonly payloadType: number;
  readonly timestampBase: number;
  sequence: number;
  packets: number;
  octets: number;
}

/** Publishes a clip again and again at its own pace; a request for a key frame makes it jump to the next one, as an encoder would make one. */
export class Publisher {
  packets = 0;
  keyFramesAsked = 0;
  /** What would be sent meanwhile is left out. */
  isPaused = false;
  readonly #clip: RtpClip;
  readonly #pictures: readonly ClipFrame[];
  readonly #sent: SentPackets | undefined;
  readonly #streams: Readonly<Record<Kind, Outgoing>> = { video: outgoing('video'), audio: outgoing('audio') };
  #peer: LoadPeer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #startedAtMs = 0;
  #reportedAtMs = 0;
  #next = 0;
  #jump = 0;

  constructor(clip: RtpClip, sent?: SentPackets) {
    this.#clip = clip;
    this.#pictures = clip.frames.filter(({ kind }) => kind === 'video');
    this.#sent = sent;
  }

  async start(options: Omit<PeerOptions, 'direction' | 'ssrc' | 'onMedia'>, timeoutMs: number): Promise<void> {
    const { video, audio } = this.#streams;
    this.#peer = await openPeer({ ...options, direction: 'sendonly', ssrc: { video: video.ssrc, audio: audio.ssrc }, onMedia: (memory, at, length) => this.#onFeedback(Buffer.from(memory.subarray(at, at + length))) }, timeoutMs);
    this.#startedAtMs = performance.now();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#peer?.leave();
  }

  #tick(): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#startedAtMs;
    for (;;) {
      const { frames, durationMs } = this.#clip;
      const frame = frames[this.#next % frames.length];
      const atMs = (frame?.atMs ?? 0) + Math.floor(this.#next / frames.length) * durationMs;
      if (frame === undefined || atMs > elapsedMs) break;
      this.#next++;
      if (!this.isPaused) this.#send(this.#standIn(frame), atMs);
    }
    if (nowMs - this.#reportedAtMs < REPORT_MS) return;
    this.#reportedAtMs = nowMs;
    this.#report(elapsedMs);
  }

  /** After a jump the pictures come from further on in the clip, at the times of those left out. */
  #standIn(frame: ClipFrame): ClipFrame {
    if (frame.kind === 'audio') return frame;
    return this.#pictures[(this.#pictures.indexOf(frame) + this.#jump) % this.#pictures.length] ?? frame;
  }

  #send(frame: ClipFrame, atMs: number): void {
    const stream = this.#streams[frame.kind];
    const timestamp = (stream.timestampBase + Math.round(atMs * TICKS_PER_MS[frame.kind])) >>> 0;
    for (const [index, payload] of frame.payloads.entries()) {
      const isLast = frame.kind === 'video' && index === frame.payloads.length - 1;
      const packet = Buffer.alloc(12 + payload.length);
      packet.writeUInt8(0x80, 0);
      packet.writeUInt8(stream.payloadType | (isLast ? 0x80 : 0), 1);
      packet.writeUInt16BE(stream.sequence % 65_536, 2);
      packet.writeUInt32BE(timestamp, 4);
      packet.writeUInt32BE(stream.ssrc, 8);
      packet.set(payload, 12);
      if (this.#peer !== undefined) this.#peer.send(this.#peer.keys.local.protectRtp(packet, stream.sequence));
      if (frame.kind === 'video') this.#sent?.onSent(payload, performance.now());
      stream.sequence++;
      stream.packets++;
      stream.octets += payload.length;
      this.packets++;
    }
  }

  /** A sender report with the source's name for each stream. @see RFC 3550 sections 6.4.1 and 6.5 */
  #report(elapsedMs: number): void {
    for (const stream of Object.values(this.#streams)) {
      const packet = Buffer.alloc(28 + 16);
      const nowS = Date.now() / 1000 + NTP_EPOCH;
      packet.set([0x80, 200, 0, 6], 0);
      packet.writeUInt32BE(stream.ssrc, 4);
      packet.writeUInt32BE(Math.floor(nowS), 8);
      packet.writeUInt32BE(Math.floor((nowS % 1) * 2 ** 32), 12);
      packet.writeUInt32BE((stream.timestampBase + Math.round(elapsedMs * TICKS_PER_MS[stream.kind])) >>> 0, 16);
      packet.writeUInt32BE(stream.packets, 20);
      packet.writeUInt32BE(stream.octets, 24);
      packet.set([0x81, 202, 0, 3], 28);
      packet.writeUInt32BE(stream.ssrc, 32);
      packet.set([1, 4], 36);
      packet.write('peer', 38);
      if (this.#peer !== undefined) this.#peer.send(this.#peer.keys.local.protectRtcp(packet));
    }
  }

  #onFeedback(datagram: Buffer): void {
    if (this.#peer === undefined) return;
    const packet = this.#peer.keys.remote.unprotectRtcp(datagram);
    for (let at = 0; at + 4 <= packet.length; at += (packet.readUInt16BE(at + 2) + 1) * 4) {
      const format = packet.readUInt8(at) & 0x1f;
      const isKeyFrameRequest = packet.readUInt8(at + 1) === 206 && (format === 1 || format === 4);
      if (isKeyFrameRequest) this.#jumpToKeyFrame();
    }
  }

  #jumpToKeyFrame(): void {
    this.keyFramesAsked++;
    const { frames } = this.#clip;
    const pictures = this.#pictures;
    let next = this.#next;
    while (frames[next % frames.length]?.kind !== 'video') next++;
    const coming = pictures.findIndex((frame) => frame === frames[next % frames.length]) + this.#jump;
    const ahead = pictures.findIndex((_, step) => pictures[(coming + step) % pictures.length]?.key);
    this.#jump = (this.#jump + ahead) % pictures.length;
  }
}

function outgoing(kind: Kind): Outgoing {
  // The first number is not small: servers must not take their own start from it.
  return { kind, ssrc: randomInt(1, 2 ** 32 - 1), payloadType: PayloadType[kind === 'video' ? 'VIDEO' : 'AUDIO'], timestampBase: randomInt(2 ** 32 - 1), sequence: randomInt(30_000), packets: 0, octets: 0 };
}
