import { SRTP_OVERHEAD_BYTES_MAX, type SrtpKeys } from '../srtp/keys.ts';
import { SrtpReceiver } from '../srtp/receiver.ts';
import { rtpHeaderBytes } from '../srtp/rtp-header.ts';
import { RTP_PACKET_BYTES_MAX, type FanoutEngine, type FanoutGroup, type ReceiverOptions, type RtpSender, type SenderOptions } from './engine.ts';
import { MemberGroup, type GroupHost } from './member-group.ts';
import { PeerSender } from './peer-sender.ts';
import { BURST_BYTES_MAX, PreparedBurst } from './prepared-burst.ts';

/** The engine that runs everywhere: node:crypto, WebAssembly and node:dgram. */
export class PureEngine implements FanoutEngine, GroupHost<PureSender> {
  readonly tier = 'pure';
  readonly burst = new PreparedBurst(new Uint8Array(BURST_BYTES_MAX), 0, true);

  openSender(options: SenderOptions): RtpSender {
    return new PureSender(options);
  }

  openGroup(): FanoutGroup {
    return new MemberGroup(this);
  }

  openReceiver(keys: SrtpKeys, options?: ReceiverOptions): SrtpReceiver {
    return new SrtpReceiver(keys, options);
  }

  isOwn(sender: RtpSender): sender is PureSender {
    return sender instanceof PureSender;
  }

  flush(): void {
    // Every packet has left already.
  }

  close(): void {
    // Nothing is held.
  }
}

class PureSender extends PeerSender {
  sendBurst(burst: PreparedBurst, ssrc: number, payloadType: number, sequenceOffset: number): void {
    if (burst.lowestSequence + sequenceOffset < 0) {
      this.counters.dropped += burst.count;
      return;
    }
    if (!this.isClosed()) this.cipher?.readyRtp?.(burst, ssrc, sequenceOffset);
    for (let at = 0; at < burst.count; at++) {
      const packet = burst.packets[at];
      if (packet === undefined || this.isClosed()) return;
      const sequence = (burst.sequences[at] ?? 0) + sequenceOffset;
      burst.patch(at, ssrc, payloadType, sequence);
      this.#protectAndSend(packet, burst.headerBytes[at] ?? 0, sequence);
    }
  }

  sendRtp(packet: Uint8Array, sequence: number): void {
    if (this.isClosed()) return;
    const headerBytes = rtpHeaderBytes(packet);
    if (headerBytes < 0 || packet.length > RTP_PACKET_BYTES_MAX || sequence < 0) this.counters.dropped++;
    else this.#protectAndSend(packet, headerBytes, sequence);
  }

  #protectAndSend(packet: Uint8Array, headerBytes: number, sequence: number): void {
    const { cipher } = this;
    // Memory of its own for every packet: a socket that is full queues it without a copy.
    if (cipher === undefined) {
      this.deliver(Buffer.from(packet));
      return;
    }
    const out = Buffer.allocUnsafe(packet.length + SRTP_OVERHEAD_BYTES_MAX);
    this.deliver(out.subarray(0, cipher.protectRtp(packet, headerBytes, sequence, out)));
  }
}
