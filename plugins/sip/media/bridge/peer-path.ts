import type { PluginContext, PluginSession, RtpPortPair, RtpSender } from 'wcs-core';
import { datagramKind } from 'wcs-core/rtp/datagram-kind';
import type { DtlsIdentity } from 'wcs-core/rtp/dtls/handshake';
import { isRtp, rtpPayloadType, rtpSsrc } from 'wcs-core/rtp/packet';
import { isSameSecurity, type AgreedSection } from '../session/sdp-dialogue.ts';
import { SourceLatch, type LatchMode, type MediaAddress, type SourceLatchState } from '../session/source-latch.ts';
import { PathLeg, type LegHost, type LegState } from './path-leg.ts';

const NUMERIC = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:.]*:[0-9a-f:.]*)$/i;

/** What a path needs of its call. */
export interface PathPlace {
  readonly ctx: PluginContext;
  readonly session: PluginSession;
  readonly identity: DtlsIdentity;
  readonly latchMode: LatchMode;
  readonly nowMs: () => number;
  /** Whether whoever asked for the call may have media sent to that address. */
  mayReach(address: string): boolean;
}

/** Whom a path hands packets to: those that are the peer's, in the clear. */
export interface PathTaker {
  onRtp(packet: Uint8Array, receivedAtMs: number): void;
  onRtcp(compound: Uint8Array, receivedAtMs: number): void;
  /** There is a sender now, another one, or none any more. */
  onSender(): void;
  /** The peer is not whom its description names. */
  onFailed(info: string): void;
}

/** Plain data of a `PeerPath`. */
export interface PeerPathState {
  readonly latch: SourceLatchState;
  readonly rtp: LegState;
  readonly rtcp: LegState;
  readonly muxes: boolean;
}

/** The way between one pair of ports and the peer: who is believed, where to send, and the keys. */
export class PeerPath {
  readonly #place: PathPlace;
  readonly #taker: PathTaker;
  readonly #latch: SourceLatch;
  readonly #rtp: PathLeg;
  readonly #rtcp: PathLeg;
  /** Of the previous version; until the way is opened. */
  #saved: PeerPathState | undefined;
  #agreed: AgreedSection | undefined;
  #sentTo: MediaAddress | undefined;
  /** A peer with DTLS sends its reports beside its media, and has no keys for another port. @see RFC 5761 */
  #muxes: boolean;
  #bytesIn = 0;

  constructor(place: PathPlace, taker: PathTaker, pair: RtpPortPair, state?: PeerPathState) {
    const { ctx, session, identity } = place;
    this.#place = place;
    this.#taker = taker;
    this.#saved = state;
    this.#latch = new SourceLatch(place.latchMode, state?.latch);
    this.#muxes = state?.muxes ?? false;
    const legHost: Omit<LegHost, 'onSender' | 'onSilence'> = {
      identity,
      openSender: (options) => ctx.rtp.openSender(options, session.scope),
      openReceiver: (keys, saved) => ctx.rtp.openReceiver(keys, { state: saved }, session.scope),
      onHandshakeFailed: (info, detail, from) => this.#onHandshakeFailed(info, detail, from),
    };
    const onSilence = (): void => taker.onFailed('Failed by DTLS error');
    this.#rtp = new PathLeg({ ...legHost, onSilence, onSender: () => taker.onSender() }, pair.rtp, state?.rtp.srtcpIndex);
    // Who has everything on one port does not answer on the other.
    this.#rtcp = new PathLeg({ ...legHost, onSilence: () => undefined, onSender: () => undefined }, pair.rtcp, state?.rtcp.srtcpIndex);
    session.attach(pair, { onRtp: (data, from) => this.#onDatagram(this.#rtp, data, from), onRtcp: (data, from) => this.#onDatagram(this.#rtcp, data, from) });
  }

  /** Undefined while the keys are being agreed on, with which no other version could go on. */
  exportState(): PeerPathState | undefined {
    if (this.#rtp.busy || this.#rtcp.busy) return undefined;
    return { latch: this.#latch.exportState(), rtp: this.#rtp.exportState(), rtcp: this.#rtcp.exportState(), muxes: this.#muxes };
  }

  get bytesIn(): number {
    return this.#bytesIn;
  }

  get bytesOut(): number {
    return this.#rtp.bytesOut;
  }

  /** Sends RTP to the peer; undefined before both sides have agreed, and with DTLS before the peer has shown who it is. */
  get sender(): RtpSender | undefined {
    return this.#rtp.sender;
  }

  sendRtcp(compound: Uint8Array): void {
    (this.#muxes ? this.#rtp : this.#rtcp).sender?.sendRtcp(compound);
  }

  /** Opens the way as it is agreed on. */
  open(agreed: AgreedSection): void {
    const { security } = agreed;
    const [before, saved] = [this.#agreed, this.#saved];
    this.#saved = undefined;
    this.#latch.describe({ address: agreed.remote.address, port: agreed.remote.port }, this.#place.nowMs());
    if (before === undefined || !isSameSecurity(before.security, security)) {
      this.close();
      this.#muxes = saved?.muxes ?? false;
      this.#rtp.protect(security, saved?.rtp);
      this.#rtcp.protect(security, saved?.rtcp);
    }
    this.#agreed = agreed;
    this.#follow(agreed);
  }

  close(): void {
    this.#agreed = undefined;
    this.#sentTo = undefined;
    for (const leg of [this.#rtp, this.#rtcp]) {
      leg.sendTo(undefined);
      leg.close();
    }
  }

  #onDatagram(leg: PathLeg, data: Buffer, from: MediaAddress): void {
    const agreed = this.#agreed;
    if (agreed === undefined) return;
    const kind = datagramKind(data);
    if (kind === 'rtp' && leg === this.#rtp) this.#onRtp(agreed, data, from);
    else if (kind === 'rtcp') this.#onRtcp(leg, agreed, data, from);
    else if (kind === 'dtls' && this.#latch.mayBe(from) && this.#place.mayReach(from.address)) leg.onDtls(data, from, from.address === agreed.remote.address, this.#place.nowMs());
  }

  #onRtp(agreed: AgreedSection, data: Buffer, from: MediaAddress): void {
    const packet = this.#rtp.openRtp(data);
    if (packet === undefined || !isRtp(packet)) return;
    const payloadType = rtpPayloadType(packet);
    const isAgreed = payloadType === agreed.format.receiveType || payloadType === agreed.events?.receiveType;
    const nowMs = this.#place.nowMs();
    if (!isAgreed || !this.#latch.admit(from, rtpSsrc(packet), nowMs)) return;
    this.#bytesIn += packet.length;
    this.#follow(agreed);
    this.#taker.onRtp(packet, nowMs);
  }

  #onRtcp(leg: PathLeg, { security }: AgreedSection, data: Buffer, from: MediaAddress): void {
    if (from.address !== this.#latch.destination.address) return;
    const compound = leg.openRtcp(data);
    if (compound === undefined) return;
    if (security?.type === 'dtls') this.#muxes = leg === this.#rtp;
    this.#taker.onRtcp(compound, this.#place.nowMs());
  }

  /** Sends to where media comes from, or else to where the peer has said that it is. */
  #follow(agreed: AgreedSection): void {
    const { address, port } = this.#latch.destination;
    // Instead of an address there may be a name: the peer's media will tell where it is.
    if ((address === this.#sentTo?.address && port === this.#sentTo.port) || !NUMERIC.test(address)) return;
    this.#sentTo = { address, port };
    if (!this.#place.mayReach(address)) return this.#refuse(address);
    const isSignalled = address === agreed.remote.address && port === agreed.remote.port;
    this.#rtp.sendTo({ address, port });
    this.#rtcp.sendTo({ address, port: isSignalled ? agreed.remote.rtcpPort : port + 1 });
  }

  /** Nothing is sent until the peer's media comes from elsewhere. */
  #refuse(address: string): void {
    this.#place.session.log.warn('The other side wants its media where it may not go; network.allowedTargets would allow it', { address });
    this.#rtp.sendTo(undefined);
    this.#rtcp.sendTo(undefined);
  }

  #onHandshakeFailed(info: string, detail: string, from: MediaAddress): void {
    this.#place.session.log.info('A DTLS handshake of a call failed', { detail, from: from.address });
    // A stranger's certificate is nobody's fault.
    if (from.address === this.#agreed?.remote.address) this.#taker.onFailed(info);
  }
}
