import { ProtocolError, type Connection, type ConnectionHandler } from 'wcs-core';
import type { Destination } from 'wcs-core/rtp/fanout/engine';
import type { FlowState } from '../session/peer-state.ts';
import { FrameReader4571, frame4571 } from '../wire/rfc4571.ts';
import type { RemoteAddress } from './peer-transport.ts';
import type { Drops } from './transport-drops.ts';
import type { FlowPeer, OnPacket, TransportFlow } from './transport-flow.ts';

/** Packets to a peer that has this much unread are dropped: they would only come too late. */
export const TCP_BACKLOG_MAX_BYTES = 1024 * 1024;

/** What unclaimed connections may do. */
export interface TcpFlowLimits {
  /** A connection without a valid check by then is ended. */
  readonly firstCheckMs: number;
  /** Unclaimed connections from one address. */
  readonly perAddress: number;
  /** Unclaimed connections in all. */
  readonly total: number;
}

/** The connections of the passive TCP candidates. @see RFC 6544 section 7.1 */
export class TcpFlows {
  readonly #onPacket: OnPacket;
  readonly #drops: Drops;
  readonly #limits: TcpFlowLimits;
  readonly #now: () => number;
  /** Connections that no peer has claimed, with the time they came at; in order of it. */
  readonly #unclaimed = new Map<TcpFlow, number>();
  readonly #unclaimedOf = new Map<string, number>();

  constructor(onPacket: OnPacket, drops: Drops, limits: TcpFlowLimits, now: () => number) {
    this.#onPacket = onPacket;
    this.#drops = drops;
    this.#limits = limits;
    this.#now = now;
  }

  /** Connections that wait for their first valid check. */
  get unclaimed(): number {
    return this.#unclaimed.size;
  }

  /** Takes a new connection. */
  readonly onConnection = (connection: Connection): void => {
    const { remoteAddress } = connection;
    const count = this.#unclaimedOf.get(remoteAddress) ?? 0;
    if (count >= this.#limits.perAddress || this.#unclaimed.size >= this.#limits.total) {
      this.#drops.count('tooManyTcp');
      connection.destroy();
      return;
    }
    const flow = new TcpFlow(connection, this.#onPacket, this.#drops, () => this.#leave(flow));
    this.#unclaimedOf.set(remoteAddress, count + 1);
    this.#unclaimed.set(flow, this.#now());
    connection.setHandler(flow);
  };

  /** Ends the connections that have waited too long. */
  sweep(): void {
    const beforeMs = this.#now() - this.#limits.firstCheckMs;
    for (const [flow, sinceMs] of this.#unclaimed) {
      if (sinceMs > beforeMs) return;
      this.#drops.count('silentTcp');
      flow.close();
    }
  }

  /** A flow that is continued on a connection of the peer's session. */
  restore(connection: Connection, unread: Uint8Array, peer: FlowPeer): TransportFlow {
    const flow = new TcpFlow(connection, this.#onPacket, this.#drops, () => undefined, unread);
    flow.claim(peer);
    return flow;
  }

  #leave(flow: TcpFlow): void {
    if (!this.#unclaimed.delete(flow)) return;
    const { address } = flow.remote;
    const count = (this.#unclaimedOf.get(address) ?? 1) - 1;
    if (count === 0) this.#unclaimedOf.delete(address);
    else this.#unclaimedOf.set(address, count);
  }
}

class TcpFlow implements TransportFlow, ConnectionHandler {
  readonly remote: RemoteAddress;
  readonly destination: Destination;
  readonly #connection: Connection;
  readonly #reader: FrameReader4571;
  readonly #onPacket: OnPacket;
  readonly #drops: Drops;
  readonly #onClaimed: () => void;
  #peer: FlowPeer | undefined;

  /** @param onClaimed called when the flow has been claimed, or is over without */
  constructor(connection: Connection, onPacket: OnPacket, drops: Drops, onClaimed: () => void, unread?: Uint8Array) {
    this.#connection = connection;
    this.#reader = new FrameReader4571(unread);
    this.#onPacket = onPacket;
    this.#drops = drops;
    this.#onClaimed = onClaimed;
    this.remote = { transport: 'tcp', address: connection.remoteAddress, port: connection.remotePort };
    this.destination = { type: 'stream', write: (packet) => this.send(packet) };
  }

  get peer(): FlowPeer | undefined {
    return this.#peer;
  }

  claim(peer: FlowPeer): boolean {
    if (this.#peer !== undefined) return this.#peer === peer;
    this.#peer = peer;
    this.#onClaimed();
    // From now on the connection lives, moves and ends with the peer's session.
    peer.session.attach(this.#connection, this);
    return true;
  }

  send(datagram: Uint8Array): void {
    if (this.#connection.backlogBytes > TCP_BACKLOG_MAX_BYTES) this.#drops.count('slowTcp');
    else this.#connection.write(frame4571(datagram));
  }

  state(): FlowState | undefined {
    const connectionIndex = this.#peer?.session.connections.indexOf(this.#connection) ?? -1;
    return connectionIndex < 0 ? undefined : { type: 'tcp', connectionIndex, unread: this.#reader.unread };
  }

  close(): void {
    this.#onClaimed();
    this.#peer = undefined;
    // In the hands of a later generation, it is no business of ours any more.
    if (this.#connection.handler === this) this.#connection.destroy();
  }

  onData(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, (packet) => {
        this.#onPacket(this, packet);
        return !this.#connection.destroyed;
      });
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#drops.count('brokenTcp');
      this.#connection.destroy();
    }
  }

  onClose(): void {
    this.#onClaimed();
    const peer = this.#peer;
    this.#peer = undefined;
    peer?.onFlowClosed(this);
  }
}
