import type { PluginContext, PluginSession, RtpPortPair, RtpSender } from 'wcs-core';
import { isRtcp, isRtp, rtpPayloadType, rtpSsrc } from 'wcs-core/rtp/packet';
import { SrtpReceiver, type SrtpReceiverState } from 'wcs-core/rtp/srtp/receiver';
import type { AgreedSection } from '../session/sdp-dialogue.ts';
import { SourceLatch, type LatchMode, type MediaAddress, type SourceLatchState } from '../session/source-latch.ts';

const NUMERIC = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)$/i;

/** What a path needs, and whom it hands packets to: those that are the peer's, in the clear. */
export interface PathHost {
  readonly ctx: PluginContext;
  readonly session: PluginSession;
  readonly latchMode: LatchMode;
  readonly nowMs: () => number;
  onRtp(packet: Uint8Array, receivedAtMs: number): void;
  onRtcp(compound: Uint8Array, receivedAtMs: number): void;
  /** There is a sender now, or another one. */
  onSender(): void;
}

/** Plain data of a `PeerPath`. */
export interface PeerPathState {
  readonly latch: SourceLatchState;
  readonly srtp: SrtpReceiverState | undefined;
  readonly srtcpIndex: number;
}

/** The way between one pair of ports and the peer: who is believed, where to send, and the keys. */
export class PeerPath {
  readonly #host: PathHost;
  readonly #pair: RtpPortPair;
  readonly #latch: SourceLatch;
  #agreed: AgreedSection | undefined;
  #senders: { readonly rtp: RtpSender; readonly rtcp: RtpSender } | undefined;
  #sentTo: MediaAddress | undefined;
  #srtp: SrtpReceiver | undefined;
  #srtcpIndex: number;
  #bytesIn = 0;
  #bytesSentBefore = 0;

  constructor(host: PathHost, pair: RtpPortPair, state?: PeerPathState) {
    this.#host = host;
    this.#pair = pair;
    this.#latch = new SourceLatch(host.latchMode, state?.latch);
    this.#srtcpIndex = state?.srtcpIndex ?? 0;
    host.session.attach(pair, { onRtp: (data, from) => (isRtcp(data) ? this.#onRtcp(data, from) : this.#onRtp(data, from)), onRtcp: (data, from) => this.#onRtcp(data, from) });
  }

  exportState(): PeerPathState {
    return { latch: this.#latch.exportState(), srtp: this.#srtp?.state(), srtcpIndex: this.#senders?.rtcp.srtcpIndex ?? this.#srtcpIndex };
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#bytesSentBefore + (this.#senders?.rtp.counters.bytes ?? 0);
  }

  /** Sends RTP to the peer; undefined before both sides have agreed. */
  get sender(): RtpSender | undefined {
    return this.#senders?.rtp;
  }

  sendRtcp(compound: Uint8Array): void {
    this.#senders?.rtcp.sendRtcp(compound);
  }

  /** Opens the way as it is agreed on. @param srtp of the path of the previous version, whose keys are the same */
  open(agreed: AgreedSection, srtp?: SrtpReceiverState): void {
    const { keys } = agreed;
    const isSameKey = keys !== undefined && this.#agreed?.keys !== undefined && areSameBytes(keys.remote.masterKey, this.#agreed.keys.remote.masterKey) && areSameBytes(keys.local.masterKey, this.#agreed.keys.local.masterKey);
    this.#latch.describe({ address: agreed.remote.address, port: agreed.remote.port }, this.#host.nowMs());
    const mayStay = this.#agreed !== undefined && (isSameKey || (keys === undefined && this.#agreed.keys === undefined));
    this.#agreed = agreed;
    if (!mayStay) {
      this.close();
      this.#srtp = keys === undefined ? undefined : new SrtpReceiver(keys.remote, { state: srtp });
      this.#agreed = agreed;
    }
    this.#follow();
  }

  close(): void {
    const senders = this.#senders;
    this.#agreed = undefined;
    this.#senders = undefined;
    this.#sentTo = undefined;
    if (senders === undefined) return;
    this.#bytesSentBefore += senders.rtp.counters.bytes;
    this.#srtcpIndex = senders.rtcp.srtcpIndex;
    senders.rtp.close();
    senders.rtcp.close();
  }

  #onRtp(data: Uint8Array, from: MediaAddress): void {
    const agreed = this.#agreed;
    const packet = this.#srtp === undefined ? data : this.#srtp.unprotectRtp(data);
    if (agreed === undefined || typeof packet === 'string' || !isRtp(packet)) return;
    const payloadType = rtpPayloadType(packet);
    const isAgreed = payloadType === agreed.format.receiveType || payloadType === agreed.events?.receiveType;
    const nowMs = this.#host.nowMs();
    if (!isAgreed || !this.#latch.admit(from, rtpSsrc(packet), nowMs)) return;
    this.#bytesIn += packet.length;
    this.#follow();
    this.#host.onRtp(packet, nowMs);
  }

  #onRtcp(data: Uint8Array, from: MediaAddress): void {
    if (this.#agreed === undefined || from.address !== this.#latch.destination.address) return;
    const compound = this.#srtp === undefined ? data : this.#srtp.unprotectRtcp(data);
    if (typeof compound !== 'string') this.#host.onRtcp(compound, this.#host.nowMs());
  }

  /** Sends to where media comes from, or else to where the peer has said that it is. */
  #follow(): void {
    const agreed = this.#agreed;
    const { address, port } = this.#latch.destination;
    // Instead of an address there may be a name: the peer's media will tell where it is.
    if (agreed === undefined || !NUMERIC.test(address) || (address === this.#sentTo?.address && port === this.#sentTo.port)) return;
    this.#sentTo = { address, port };
    const isSignalled = address === agreed.remote.address && port === agreed.remote.port;
    const rtp = { type: 'udp', socket: this.#pair.rtp, address, port } as const;
    const rtcp = { type: 'udp', socket: this.#pair.rtcp, address, port: isSignalled ? agreed.remote.rtcpPort : port + 1 } as const;
    if (this.#senders !== undefined) {
      this.#senders.rtp.setDestination(rtp);
      this.#senders.rtcp.setDestination(rtcp);
      return;
    }
    const { ctx, session } = this.#host;
    const keys = agreed.keys?.local;
    this.#senders = { rtp: ctx.rtp.openSender({ destination: rtp, keys }, session.scope), rtcp: ctx.rtp.openSender({ destination: rtcp, keys, srtcpIndex: this.#srtcpIndex }, session.scope) };
    this.#host.onSender();
  }
}

function areSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
