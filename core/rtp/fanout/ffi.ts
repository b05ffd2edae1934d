import { WcsError } from '../../errors/wcs-error.ts';
import type { SrtpSession } from '../srtp/key-derivation.ts';
import type { SrtpKeys } from '../srtp/keys.ts';
import { SrtpReceiver } from '../srtp/receiver.ts';
import { u32At } from '../srtp/rtp-header.ts';
import type { Destination, FanoutEngine, FanoutGroup, ReceiverOptions, RtpSender, SenderOptions } from './engine.ts';
import { MemberGroup, type GroupHost } from './member-group.ts';
import { cipherWorkspace, type CipherWorkspace, type NativeCipher } from './native-cipher.ts';
import { NativeCm } from './native-cm.ts';
import { NativeGcm } from './native-gcm.ts';
import { NativeGcmOpener, OPENED_BYTES_MAX } from './native-gcm-opener.ts';
import { NativeGcmRtcp, NativeRtcpContexts } from './native-gcm-rtcp.ts';
import type { NativeLibrary } from './native-library.ts';
import { NativeMemory } from './native-memory.ts';
import { NativeSockets, type NativeAddress } from './native-socket.ts';
import { NativeUdpSockets } from './native-udp.ts';
import { Outbox, type MessageOwner } from './outbox.ts';
import { PeerSender } from './peer-sender.ts';
import { BURST_BYTES_MAX, PreparedBurst } from './prepared-burst.ts';

const WORKSPACE_BYTES = 4096;
const SSRC_OFFSET = 8;
const PAYLOAD_TYPE_BITS = 0x7f;

/** The engine that calls libcrypto and `sendmmsg` with UDP GSO. Peers on streams, and sockets without a descriptor, are served too, one packet at a time. */
export class FfiEngine implements FanoutEngine, GroupHost<FfiSender> {
  readonly tier = 'ffi';
  readonly library: NativeLibrary;
  readonly memory: NativeMemory;
  readonly burst: PreparedBurst;
  readonly outbox: Outbox;
  readonly sockets: NativeSockets;
  readonly udp: NativeUdpSockets;
  /** Whether runs may leave as one message; off where the system has no UDP segmentation offload. */
  readonly segments: boolean;
  readonly #workspace: CipherWorkspace;
  readonly #rtcp: NativeRtcpContexts;
  /** Where a packet lies while it is opened. */
  readonly #opened: number;

  constructor(library: NativeLibrary, segments = true) {
    this.library = library;
    this.segments = segments;
    this.memory = new NativeMemory(library, BURST_BYTES_MAX + Outbox.bytes + OPENED_BYTES_MAX + WORKSPACE_BYTES);
    this.#workspace = cipherWorkspace(this.memory);
    this.#rtcp = new NativeRtcpContexts(library, this.memory, this.#workspace);
    this.sockets = new NativeSockets(library, this.memory);
    this.udp = new NativeUdpSockets(library, this.sockets);
    this.burst = new PreparedBurst(this.memory.bytes, this.memory.take(BURST_BYTES_MAX));
    this.outbox = new Outbox(library, this.memory);
    this.#opened = this.memory.take(OPENED_BYTES_MAX);
  }

  openSender(options: SenderOptions): RtpSender {
    return new FfiSender(this, options);
  }

  openGroup(): FanoutGroup {
    return new MemberGroup(this);
  }

  openReceiver(keys: SrtpKeys, options?: ReceiverOptions): SrtpReceiver {
    if (keys.profile !== 'AEAD_AES_128_GCM') return new SrtpReceiver(keys, options);
    return new SrtpReceiver(keys, { ...options, openerFor: (session) => new NativeGcmOpener(this.#rtcp, this.#opened, session) });
  }

  isOwn(sender: RtpSender): sender is FfiSender {
    return sender instanceof FfiSender && sender.engine === this;
  }

  flush(): void {
    this.outbox.flush();
  }

  close(): void {
    // Senders give their own memory back; the engine's lasts as long as the process.
  }

  /** A cipher for the RTP of one sender; undefined for plain RTP. */
  openCipher({ profile, keys }: { readonly profile: PeerSender['profile']; readonly keys: ConstructorParameters<typeof NativeGcm>[3] | undefined }): NativeCipher | undefined {
    if (profile === undefined || keys === undefined) return undefined;
    if (profile === 'AEAD_AES_128_GCM') return new NativeGcm(this.library, this.memory, this.#workspace, keys);
    return new NativeCm(profile, this.library, this.memory, this.#workspace, keys);
  }

  /** For the RTCP of one sender; undefined where node:crypto does that. */
  openRtcp(profile: PeerSender['profile'], session: SrtpSession | undefined): NativeGcmRtcp | undefined {
    return profile === 'AEAD_AES_128_GCM' && session !== undefined ? new NativeGcmRtcp(this.#rtcp, session.rtcp) : undefined;
  }
}

class FfiSender extends PeerSender implements MessageOwner {
  readonly engine: FfiEngine;
  readonly #cipher: NativeCipher | undefined;
  readonly #rtcp: NativeGcmRtcp | undefined;
  #address: NativeAddress | undefined;
  /** The descriptor that `#address` was written for. */
  #addressOf: number | undefined;
  #segments: boolean;

  constructor(engine: FfiEngine, options: SenderOptions) {
    super(options);
    this.engine = engine;
    this.#segments = engine.segments;
    this.#cipher = engine.openCipher({ profile: this.profile, keys: this.session?.rtp });
    this.#rtcp = engine.openRtcp(this.profile, this.session);
  }

  override setDestination(destination: Destination): void {
    super.setDestination(destination);
    this.#addressOf = undefined;
    this.#segments = this.engine.segments;
  }

  sendRtp(packet: Uint8Array, sequence: number): void {
    const { burst } = this.engine;
    burst.clear();
    if (!burst.add(packet, sequence)) {
      this.counters.dropped++;
      return;
    }
    burst.seal();
    this.sendBurst(burst, u32At(packet, SSRC_OFFSET), (packet[1] ?? 0) & PAYLOAD_TYPE_BITS, 0);
    this.engine.flush();
  }

  sendBurst(burst: PreparedBurst, ssrc: number, payloadType: number, sequenceOffset: number): void {
    if (this.isClosed()) return;
    if (burst.lowestSequence + sequenceOffset < 0) {
      this.counters.dropped += burst.count;
      return;
    }
    this.#cipher?.begin(ssrc);
    const address = this.#nativeAddress();
    if (address === undefined) this.#sendOneByOne(burst, ssrc, payloadType, sequenceOffset);
    else this.#sendRuns(burst, ssrc, payloadType, sequenceOffset, address);
  }

  override close(): void {
    if (!this.isClosed()) this.#cipher?.close();
    super.close();
  }

  onDropped(packets: number, bytes: number): void {
    this.counters.packets -= packets;
    this.counters.bytes -= bytes;
    this.counters.dropped += packets;
  }

  onSegmentationRefused(): void {
    // The way to this peer may have a shorter MTU, or its interface no checksum offload; others on the same socket keep theirs.
    this.#segments = false;
  }

  protected override putRtcp(packet: Uint8Array, index: number): void {
    const address = this.#nativeAddress();
    const { memory, outbox } = this.engine;
    const start = outbox.open(address === undefined ? undefined : this.#addressOf);
    const end = start + this.#protectRtcp(packet, index, start);
    if (address === undefined) return this.deliver(memory.bytes.slice(start, end));
    this.#add(address, start, end, 0, 1);
    this.engine.flush();
  }

  /** Writes the protected packet to a place and answers its length. */
  #protectRtcp(packet: Uint8Array, index: number, out: number): number {
    if (this.#rtcp === undefined) return this.protectRtcp(packet, index, this.engine.memory.bytes.subarray(out));
    const length = this.#rtcp.protect(packet, index, out);
    if (length === 0) throw new WcsError('INTERNAL_E_FAULT', 'libcrypto refused to encrypt an RTCP packet.');
    return length;
  }

  #sendRuns(burst: PreparedBurst, ssrc: number, payloadType: number, sequenceOffset: number, address: NativeAddress): void {
    let at = this.engine.outbox.open(this.#addressOf);
    for (let run = 0; run < burst.runCount; run++) {
      const first = burst.runs[run] ?? 0;
      const end = burst.runs[run + 1] ?? 0;
      const from = at;
      for (let packet = first; packet < end; packet++) {
        const start = at;
        at = this.#protect(burst, packet, (burst.sequences[packet] ?? 0) + sequenceOffset, ssrc, payloadType, start);
        if (!this.#segments) this.#add(address, start, at, 0, 1);
      }
      if (this.#segments) this.#add(address, from, at, this.#segmentBytes(burst, first, end), end - first);
    }
  }

  /** To a stream, or to a socket without a descriptor; either may close this sender on the way. */
  #sendOneByOne(burst: PreparedBurst, ssrc: number, payloadType: number, sequenceOffset: number): void {
    const start = this.engine.outbox.open(undefined);
    for (let packet = 0; packet < burst.count && !this.isClosed(); packet++) {
      const end = this.#protect(burst, packet, (burst.sequences[packet] ?? 0) + sequenceOffset, ssrc, payloadType, start);
      this.deliver(this.engine.memory.bytes.slice(start, end));
    }
  }

  #add(address: NativeAddress, from: number, end: number, segmentBytes: number, packets: number): void {
    this.counters.packets += packets;
    this.counters.bytes += end - from;
    this.engine.outbox.add(this, address, from, end, segmentBytes, packets);
  }

  /** Length of the datagrams of a run; 0 for a run of one. */
  #segmentBytes(burst: PreparedBurst, first: number, end: number): number {
    return end - first > 1 ? (burst.lengths[first] ?? 0) + (this.#cipher?.tagBytes ?? 0) : 0;
  }

  /** Writes the protected packet to a place and answers where it ends. */
  #protect(burst: PreparedBurst, packet: number, sequence: number, ssrc: number, payloadType: number, out: number): number {
    burst.patch(packet, ssrc, payloadType, sequence);
    const offset = burst.offsets[packet] ?? 0;
    const length = burst.lengths[packet] ?? 0;
    const cipher = this.#cipher;
    if (cipher === undefined) {
      burst.memory.copyWithin(out, offset, offset + length);
      return out + length;
    }
    if (!cipher.protect(offset, burst.headerBytes[packet] ?? 0, length, sequence, out)) throw new WcsError('INTERNAL_E_FAULT', 'libcrypto refused to encrypt an RTP packet.');
    return out + length + cipher.tagBytes;
  }

  /** The peer's address for the socket as it is now; undefined where packets go another way. */
  #nativeAddress(): NativeAddress | undefined {
    const { destination } = this;
    if (destination.type === 'stream') return undefined;
    const { fd } = destination.socket;
    if (fd === undefined) return undefined;
    if (fd !== this.#addressOf) {
      this.#address = this.engine.sockets.addressFor(fd, destination.address, destination.port);
      this.#addressOf = fd;
    }
    return this.#address;
  }
}
