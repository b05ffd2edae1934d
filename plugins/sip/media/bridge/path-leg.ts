import type { RtpPairSocket, RtpSender, SenderOptions } from 'wcs-core';
import type { DtlsIdentity } from 'wcs-core/rtp/dtls/handshake';
import type { SrtpKeys } from 'wcs-core/rtp/srtp/keys';
import type { SrtpReceiver, SrtpReceiverState } from 'wcs-core/rtp/srtp/receiver';
import type { LineSecurity } from '../session/sdp-dialogue.ts';
import type { MediaAddress } from '../session/source-latch.ts';
import { DtlsAssociation, type AssociationState } from './dtls-association.ts';

/** What a leg needs, and whom it tells. */
export interface LegHost {
  readonly identity: DtlsIdentity;
  openSender(options: SenderOptions): RtpSender;
  openReceiver(keys: SrtpKeys, state: SrtpReceiverState | undefined): SrtpReceiver;
  /** There is a sender now, another one, or none any more. */
  onSender(): void;
  onHandshakeFailed(info: string, detail: string, from: MediaAddress): void;
  /** We have begun a handshake, and nobody answers. */
  onSilence(): void;
}

/** Plain data of a `PathLeg`. */
export interface LegState {
  readonly srtp: SrtpReceiverState | undefined;
  readonly srtcpIndex: number;
  readonly association: AssociationState | undefined;
}

/** One port of a call's pair: the keys of what goes through it, as soon as they are known, and where that goes. */
export class PathLeg {
  readonly #host: LegHost;
  readonly #socket: RtpPairSocket;
  /** Undefined until keys are there, or until it is clear that there will be none. */
  #guard: { readonly keys: SrtpKeys | undefined; readonly receiver: SrtpReceiver | undefined } | undefined;
  #association: DtlsAssociation | undefined;
  #destination: MediaAddress | undefined;
  #sender: RtpSender | undefined;
  #srtcpIndex: number;
  #bytesSentBefore = 0;

  constructor(host: LegHost, socket: RtpPairSocket, srtcpIndex = 0) {
    this.#host = host;
    this.#socket = socket;
    this.#srtcpIndex = srtcpIndex;
  }

  /** Undefined while there is nowhere to send to, or no key to do it with. */
  get sender(): RtpSender | undefined {
    return this.#sender;
  }

  get bytesOut(): number {
    return this.#bytesSentBefore + (this.#sender?.counters.bytes ?? 0);
  }

  /** True while another version could not go on with it. */
  get busy(): boolean {
    return this.#association?.busy === true;
  }

  exportState(): LegState {
    return { srtp: this.#guard?.receiver?.state(), srtcpIndex: this.#sender?.srtcpIndex ?? this.#srtcpIndex, association: this.#association?.exportState() };
  }

  /** Begins anew as it is agreed on; with DTLS, once the peer has shown its certificate. @param saved of the leg of the previous version, whose keys are the same */
  protect(security: LineSecurity | undefined, saved?: LegState): void {
    this.close();
    if (security?.type !== 'dtls') return this.#setKeys(security, saved?.srtp);
    const association = saved?.association;
    const { identity } = this.#host;
    this.#association = new DtlsAssociation(
      {
        identity,
        send: (datagram, { address, port }) => this.#socket.send(datagram, port, address),
        onKeys: ({ localKeys, remoteKeys }) => this.#setKeys({ local: localKeys, remote: remoteKeys }),
        onFailed: (info, detail, from) => this.#host.onHandshakeFailed(info, detail, from),
        onSilence: () => this.#host.onSilence(),
      },
      security,
      association,
    );
    if (association !== undefined) this.#setKeys({ local: association.localKeys, remote: association.remoteKeys }, saved?.srtp);
  }

  /** Sends there from now on; undefined: nowhere. */
  sendTo(destination: MediaAddress | undefined): void {
    this.#destination = destination;
    if (destination !== undefined) this.#association?.begin(destination);
    if (destination === undefined) this.#closeSender();
    else if (this.#sender !== undefined) this.#sender.setDestination({ type: 'udp', socket: this.#socket, ...destination });
    else this.#openSender();
  }

  onDtls(datagram: Buffer, from: MediaAddress, isSignalled: boolean, nowMs: number): void {
    this.#association?.onDatagram(datagram, from, isSignalled, nowMs);
  }

  /** The packet in the clear; undefined for one that is not the peer's. */
  openRtp(packet: Uint8Array): Uint8Array | undefined {
    const guard = this.#guard;
    if (guard?.receiver === undefined) return guard === undefined ? undefined : packet;
    const plain = guard.receiver.unprotectRtp(packet);
    return typeof plain === 'string' ? undefined : plain;
  }

  /** The compound in the clear; undefined for one that is not the peer's. */
  openRtcp(compound: Uint8Array): Uint8Array | undefined {
    const guard = this.#guard;
    if (guard?.receiver === undefined) return guard === undefined ? undefined : compound;
    const plain = guard.receiver.unprotectRtcp(compound);
    return typeof plain === 'string' ? undefined : plain;
  }

  close(): void {
    this.#association?.close();
    this.#association = undefined;
    this.#guard?.receiver?.close();
    this.#guard = undefined;
    this.#closeSender();
  }

  #setKeys(keys: { readonly local: SrtpKeys; readonly remote: SrtpKeys } | undefined, srtp?: SrtpReceiverState): void {
    this.#guard = { keys: keys?.local, receiver: keys === undefined ? undefined : this.#host.openReceiver(keys.remote, srtp) };
    this.#openSender();
  }

  #openSender(): void {
    const [guard, destination] = [this.#guard, this.#destination];
    if (guard === undefined || destination === undefined) return;
    this.#sender = this.#host.openSender({ destination: { type: 'udp', socket: this.#socket, ...destination }, keys: guard.keys, srtcpIndex: this.#srtcpIndex });
    this.#host.onSender();
  }

  #closeSender(): void {
    const sender = this.#sender;
    if (sender === undefined) return;
    this.#sender = undefined;
    this.#bytesSentBefore += sender.counters.bytes;
    this.#srtcpIndex = sender.srtcpIndex;
    sender.close();
    this.#host.onSender();
  }
}
