import { closeNotify, FinishedAssociation, type RemnantEvent } from 'wcs-core/rtp/dtls/remnant';
import type { Destination, RtpSender, SenderOptions } from 'wcs-core/rtp/fanout/engine';
import { SrtpReceiver } from 'wcs-core/rtp/srtp/receiver';
import type { SecureState } from '../session/peer-state.ts';
import type { TransportFlow } from './transport-flow.ts';

/** A connected peer's keys at work: SRTP both ways and what is left of DTLS. */
export class SecureFlow {
  readonly sender: RtpSender;
  readonly receiver: SrtpReceiver;
  readonly #state: SecureState;
  readonly #association: FinishedAssociation;
  #flow: TransportFlow | undefined;

  constructor(state: SecureState, openSender: (options: SenderOptions) => RtpSender, flow: TransportFlow | undefined) {
    this.#state = state;
    this.#association = new FinishedAssociation(state.dtls);
    this.#flow = flow;
    this.receiver = new SrtpReceiver(state.remoteKeys, state.receiver);
    this.sender = openSender({ destination: flow?.destination ?? NOWHERE, keys: state.localKeys, srtcpIndex: state.srtcpIndex });
  }

  /** Everything goes there from now on. */
  moveTo(flow: TransportFlow): void {
    this.#flow = flow;
    this.sender.setDestination(flow.destination);
  }

  /** Takes a DTLS datagram, and says what it was. @throws ProtocolError when it is malformed */
  onDtls(datagram: Buffer): RemnantEvent {
    return this.#association.onDatagram(datagram, (sent) => this.#flow?.send(sent));
  }

  /** Tells the peer that we are closing; only as the last thing. */
  sayGoodbye(): void {
    this.#flow?.send(closeNotify(this.#state.dtls));
  }

  state(): SecureState {
    return { ...this.#state, srtcpIndex: this.sender.srtcpIndex, receiver: this.receiver.state() };
  }

  close(): void {
    this.sender.close();
  }
}

/** For a peer whose TCP connection is gone and that has not come back yet. */
const NOWHERE: Destination = { type: 'stream', write: () => undefined };
