import type { SrtpKeys } from '../srtp/keys.ts';
import type { SrtpReceiver, SrtpReceiverOptions } from '../srtp/receiver.ts';
import type { NativeUdp } from './udp.ts';

/** How RTP is protected and sent: `pure` by node:crypto and node:dgram, everywhere; `ffi` by libcrypto and `sendmmsg` with UDP GSO, called through koffi. */
export type EngineTier = 'pure' | 'ffi';

/** The part of a UDP socket that an engine sends through. */
export interface DatagramSocket {
  /** File descriptor while the socket is open, where it has one to give (see `FanoutEngine.udp`); without it datagrams go through `send`. */
  readonly fd?: number | undefined;
  send(data: Uint8Array, port: number, address: string, offset?: number, length?: number): void;
}

/** Where a peer's packets go: datagrams to a numeric address, or a stream whose owner frames them (RFC 4571). `write` keeps the bytes it gets, and may close the sender, but sends nothing itself. */
export type Destination =
  | { readonly type: 'udp'; readonly socket: DatagramSocket; readonly address: string; readonly port: number }
  | { readonly type: 'stream'; write(packet: Uint8Array): void };

/** How a sender begins. */
export interface SenderOptions {
  readonly destination: Destination;
  /** Absent: plain RTP and RTCP. */
  readonly keys?: SrtpKeys | undefined;
  /** Index of the last SRTCP packet sent, when a sender is continued; default 0: the first has index 1. @see RFC 3711 section 3.4 */
  readonly srtcpIndex?: number;
  /** Told once that the sender is closed. */
  readonly onClose?: (() => void) | undefined;
}

/** How a receiver begins. */
export type ReceiverOptions = Omit<SrtpReceiverOptions, 'openerFor'>;

/** What left a sender. */
export interface SenderCounters {
  readonly packets: number;
  readonly bytes: number;
  /** Packets that the system or the destination did not take. */
  readonly dropped: number;
}

/** The sending side of one peer: one key, one destination, any number of SSRCs. After `close()` it sends nothing, also not for a group. */
export interface RtpSender {
  readonly counters: SenderCounters;
  readonly srtcpIndex: number;
  /** The peer is somewhere else from now on. */
  setDestination(destination: Destination): void;
  /**
   * Sends one complete RTP packet as it is; the same packet under the same sequence number gives the same bytes.
   *
   * @param sequence extended sequence number of the packet: its high bits are the roll-over counter
   */
  sendRtp(packet: Uint8Array, sequence: number): void;
  /** Sends one compound RTCP packet. */
  sendRtcp(packet: Uint8Array): void;
  close(): void;
}

/** One packet for every member of a group; SSRC, payload type and sequence number are written for each of them. */
export interface FanoutPacket {
  readonly rtp: Uint8Array;
  /** Extended sequence number in the group's own space. */
  readonly sequence: number;
}

/** What is written into the packets of one member. */
export interface MemberHeader {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Added to the group's sequence; the sum starts below 2^15, so that the roll-over counter starts at 0, and is never negative. */
  readonly sequenceOffset: number;
}

/** A sender's place in a group. */
export interface FanoutMember {
  readonly header: MemberHeader;
  /** Packets and payload bytes sent, for sender reports. @see RFC 3550 section 6.4.1 */
  readonly packets: number;
  readonly octets: number;
  remove(): void;
}

/** The viewers of one track that get identical packets. */
export interface FanoutGroup {
  readonly size: number;
  /** @throws WcsError INTERNAL_E_FAULT for a sender of another engine */
  add(sender: RtpSender, header: MemberHeader): FanoutMember;
  /** Sends a burst, best the packets of one frame, to every member. Packets of one length in a row leave in one system call. What is no RTP, or longer than `RTP_PACKET_BYTES_MAX`, is left out. */
  send(burst: readonly FanoutPacket[]): void;
  close(): void;
}

/** Packets that are prepared at a time; a longer burst goes out in parts. */
export const BURST_PACKETS_MAX = 64;

/** Longest RTP or RTCP packet that is sent. */
export const RTP_PACKET_BYTES_MAX = 8192;

/** Protects and sends RTP to many peers, and opens what they send. The bytes on the wire are the same in every tier. */
export interface FanoutEngine {
  readonly tier: EngineTier;
  openSender(options: SenderOptions): RtpSender;
  openGroup(): FanoutGroup;
  /** Opens what one peer sends; the taker closes it. @throws WcsError PROTOCOL_E_MALFORMED when the keys don't fit their profile */
  openReceiver(keys: SrtpKeys, options?: ReceiverOptions): SrtpReceiver;
  /** Sockets whose descriptors the engine can send through; absent in a tier that needs none. */
  readonly udp?: NativeUdp;
  close(): void;
}
