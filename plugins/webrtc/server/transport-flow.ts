import type { PluginSession } from 'wcs-core';
import type { Destination } from 'wcs-core/rtp/fanout/engine';
import type { FlowState } from '../session/peer-state.ts';
import type { RemoteAddress } from './peer-transport.ts';

/** The peer that a flow belongs to. */
export interface FlowPeer {
  readonly session: PluginSession;
  onDtls(flow: TransportFlow, datagram: Buffer): void;
  onMedia(kind: 'rtp' | 'rtcp', packet: Buffer): void;
  /** The flow is gone by itself. */
  onFlowClosed(flow: TransportFlow): void;
}

/** One way to a remote address, UDP or TCP. Until a valid check gives it to a peer, nothing but STUN is read from it. */
export interface TransportFlow {
  readonly remote: RemoteAddress;
  /** For the media that we send. */
  readonly destination: Destination;
  /** Whose flow it is. */
  readonly peer: FlowPeer | undefined;
  /** Gives the flow to a peer for good; false when it belongs to another one. */
  claim(peer: FlowPeer): boolean;
  /** Sends one datagram, or frames it. What cannot be sent is lost. */
  send(datagram: Uint8Array): void;
  /** As plain data, for a claimed flow. */
  state(): FlowState | undefined;
  /** Forgets the flow; a TCP connection ends. */
  close(): void;
}

/** Gets every datagram and frame. */
export type OnPacket = (flow: TransportFlow, packet: Buffer) => void;
