import { closeNotify, FinishedAssociation, type RemnantEvent } from 'wcs-core/rtp/dtls/remnant';
import type { Destination, FanoutEngine, RtpSender } from 'wcs-core/rtp/fanout/engine';
import type { SrtpReceiver } from 'wcs-core/rtp/srtp/receiver';
import type { SecureState } from '../session/peer-state.ts';
import type { TransportFlow } from './transport-flow.ts';

/** What sends to peers and opens what they send; both are closed by their taker. */
export type RtpEnds = Pick<FanoutEngine, 'openSender' | 'openReceiver'>;

/** A connected peer's keys at work: SRTP both ways and what is left of DTLS. */
export class SecureFlow {
  readonly sender: RtpSender;
  readonly receiver: SrtpReceiver;
  readonly #state: SecureState;
  readonly #association: FinishedAssociation;
  #flow: TransportFlow | undefined;

  constructor(state: SecureState, rtp: RtpEnds, flow: TransportFlow | undefined) {
    this.#state = state;
    this.#association = new FinishedAssociation(state.dtls);
    this.#flow = flow;
    this.receiver = rtp.openReceiver(state.remoteKeys, { state: state.receiver });
    this.sender = rtp.openSender({ destination: flow?.destination ?? NOWHERE, keys: state.localKeys, srtcpIndex: state.srtcpIndex });
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
    this.receiver.close();
    this.sender.close();
  }
}

/** For a peer whose TCP connection is gone and that has not come back yet. */
const NOWHERE: Destination = { type: 'stream', write: () => undefined };
