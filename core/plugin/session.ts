import type { Log } from '../log/log.ts';
import type { Publication, PublishOptions } from '../media/publication.ts';
import type { MediaBus } from '../media/media-bus.ts';
import type { Stream } from '../media/stream.ts';
import type { SubscribeOptions, Subscription } from '../media/subscription.ts';
import { Connection } from '../net/connection.ts';
import type { HeldConnection } from '../net/held-connection.ts';
import type { Owner } from '../net/owner.ts';
import { RtpPortPair } from '../net/rtp-port-pair.ts';
import { WebSocketConnection } from '../net/websocket-connection.ts';
import { Scope } from '../scope/scope.ts';
import type { SessionEntry } from '../sessions/sessions.ts';
import { ScopedTimers } from './scoped-timers.ts';
import { subscribeInScope } from './scoped-media.ts';

/** What the kernel keeps of a session while its plugin's code is swapped. */
interface SessionResources {
  readonly entry: SessionEntry;
  readonly connections: readonly HeldConnection[];
  readonly publications: readonly Publication[];
}

/** The generation of a plugin, as its sessions see it. */
export interface SessionOwner {
  readonly scope: Scope;
  readonly log: Log;
  /** Whose code the connections' handlers are. */
  readonly owner: Owner;
  readonly sessions: Set<PluginSession>;
  guard(work: () => void): void;
  fault(error: unknown): void;
  forgetSession(session: PluginSession): void;
}

/**
 * One peer's dealings with a plugin: owns the connections, publications, subscriptions and timers of the peer, and
 * ends them together. Moves to the next version of the plugin when that version can continue it.
 */
export class PluginSession {
  readonly scope: Scope;
  readonly timers: ScopedTimers;
  readonly entry: SessionEntry;
  readonly log: Log;
  /** Called once with the reason before the resources go: the protocol's own farewell. Synchronous. */
  onGoodbye: ((reason: string) => void) | undefined;
  readonly #generation: SessionOwner;
  readonly #bus: MediaBus;
  readonly #connections = new Map<HeldConnection, () => void>();
  readonly #publications = new Map<Publication, () => void>();

  constructor(generation: SessionOwner, bus: MediaBus, resources: SessionResources) {
    this.#generation = generation;
    this.#bus = bus;
    this.entry = resources.entry;
    this.log = generation.log.child({ session: resources.entry.id });
    this.scope = new Scope(`session ${resources.entry.id}`, generation.scope);
    this.timers = new ScopedTimers(this.scope, (work) => generation.guard(work));
    this.scope.add('session entry', () => generation.forgetSession(this));
    // The entry outlives generations: what it calls must belong to the one that serves now.
    this.entry.update({ kill: (reason) => this.close(reason) });
    for (const connection of resources.connections) this.#hold(connection);
    for (const publication of resources.publications) this.#holdPublication(publication);
    generation.sessions.add(this);
  }

  /** Unique id, the same across a swap. */
  get id(): string {
    return this.entry.id;
  }

  get closed(): boolean {
    return this.scope.closed;
  }

  /** TCP and TLS connections in the order in which they were attached. */
  get connections(): readonly Connection[] {
    return [...this.#connections.keys()].filter((connection) => connection instanceof Connection);
  }

  /** WebSockets in the order in which they were attached. */
  get webSockets(): readonly WebSocketConnection[] {
    return [...this.#connections.keys()].filter((connection) => connection instanceof WebSocketConnection);
  }

  /** Port pairs in the order in which they were attached. */
  get rtpPairs(): readonly RtpPortPair[] {
    return [...this.#connections.keys()].filter((connection) => connection instanceof RtpPortPair);
  }

  /** Publications in the order in which they were made. */
  get publications(): readonly Publication[] {
    return [...this.#publications.keys()];
  }

  /** Takes a connection over: its events go to `handler`, and it is destroyed when the session closes. */
  attach<Handler>(connection: HeldConnection<Handler>, handler: Handler): void {
    if (!this.#connections.has(connection)) this.#hold(connection);
    connection.setHandler(handler, this.#generation.owner);
  }

  /** Lets go of a connection, which waits unread until another session attaches it. */
  detach(connection: HeldConnection): void {
    const letGo = this.#connections.get(connection);
    if (letGo === undefined) return;
    this.#connections.delete(connection);
    letGo();
    connection.setHandler(undefined);
  }

  /** Publishes a stream that is suspended (and may be resumed) should the session close without ending it. */
  publish(options: PublishOptions): Publication {
    this.#forgetRetired();
    const publication = this.#bus.publish(options);
    this.#holdPublication(publication);
    return publication;
  }

  /** Subscribes to a stream until the session closes. */
  subscribe(stream: Stream, options: SubscribeOptions): Subscription {
    return subscribeInScope(this.scope, this.#generation.owner, stream, options);
  }

  /** Watches a promise of this session: a rejection is a fault of the plugin and ends the session. */
  background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.closed) return;
      this.#generation.fault(error);
      this.close('error');
    });
  }

  /** Says goodbye and releases everything the session holds. */
  close(reason: string): void {
    if (this.closed) return;
    const goodbye = this.onGoodbye;
    this.onGoodbye = undefined;
    if (goodbye !== undefined) this.#generation.guard(() => goodbye(reason));
    this.entry.close(reason);
    this.#release();
  }

  /**
   * Moves the resources into a session of another generation, as one synchronous step.
   *
   * @param take continues the session there; when it throws, this session goes on as it was and the error is returned
   */
  moveTo(next: SessionOwner, take: (session: PluginSession) => void): unknown {
    const handlers = [...this.#connections.keys()].map((connection) => ({ connection, handler: connection.handler }));
    this.#forgetRetired();
    const callbacks = this.publications.map((publication) => publication.callbacks);
    const facts = { ...this.entry };
    const successor = new PluginSession(next, this.#bus, this.#resources());
    // The counts so far as plain numbers, until the successor says better: a function of this generation would keep its code alive.
    this.entry.update({ bytesIn: fixed(countOf(() => facts.bytesIn())), bytesOut: fixed(countOf(() => facts.bytesOut())) });
    try {
      take(successor);
    } catch (error) {
      const ended = successor.closed;
      successor.#letGo();
      if (!ended) this.entry.update({ ...facts, kill: (reason) => this.close(reason) });
      for (const { connection, handler } of handlers) connection.setHandler(handler, this.#generation.owner);
      this.publications.forEach((publication, index) => publication.setCallbacks(callbacks[index] ?? {}));
      // The successor ended the session before it threw: there is nothing to go on with.
      if (ended) this.close('error');
      return error;
    }
    this.#letGo();
    return undefined;
  }

  #resources(): SessionResources {
    return { entry: this.entry, connections: [...this.#connections.keys()], publications: this.publications };
  }

  /** Closes the scope without touching what another session holds now. */
  #letGo(): void {
    this.onGoodbye = undefined;
    for (const detach of [...this.#connections.values(), ...this.#publications.values()]) detach();
    this.#connections.clear();
    this.#publications.clear();
    this.#release();
  }

  /** What a release throws is a fault of the plugin, and of nobody else. */
  #release(): void {
    this.#generation.owner.run(() => this.scope.close()).catch((error: unknown) => this.#generation.fault(error));
  }

  #hold(connection: HeldConnection): void {
    const held = this.scope.add('connection', () => {
      connection.setHandler(undefined);
      connection.destroy();
    });
    this.#connections.set(connection, () => held.detach());
  }

  /** A peer may publish and end as often as it likes. */
  #forgetRetired(): void {
    for (const [publication, detach] of this.#publications) {
      if (publication.state !== 'retired') continue;
      detach();
      this.#publications.delete(publication);
    }
  }

  #holdPublication(publication: Publication): void {
    const held = this.scope.add('publication', () => publication.suspend('Stopped by session disconnect'));
    this.#publications.set(publication, () => held.detach());
  }
}

/** Made apart from everything else: what a closure is made beside, it may keep in memory. */
function fixed(value: number): () => number {
  return () => value;
}

function countOf(count: () => number): number {
  try {
    return count();
  } catch {
    // A count is for lists only; a broken one must not keep the session from moving.
    return 0;
  }
}
