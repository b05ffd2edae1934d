import { randomUUID } from 'node:crypto';
import { WcsError } from '../errors/wcs-error.ts';

/** What a session does with media; `control` covers signalling and administration. */
export type SessionRole = 'publish' | 'play' | 'publish+play' | 'control' | 'call';

/** How a session is announced. */
export interface OpenSession {
  /** Unique among all sessions; a UUID where the protocol brings none. */
  readonly id?: string;
  /** e.g. `rtmp`, `webrtc`: the unit of `countByProtocol`. */
  readonly protocol: string;
  /** Name of the plugin that serves it. */
  readonly plugin: string;
  /** `internal` sessions are opened by the server itself: pulls, pushes, mixers. */
  readonly kind: 'client' | 'internal';
  readonly peer?: { readonly address: string; readonly port: number };
  /** Ends the session; its owner then calls `close()`. */
  kill(reason: string): void;
}

/** What may change while a session lasts. */
export interface SessionFacts {
  /** The protocol's own word, e.g. `ESTABLISHED`. */
  readonly state: string;
  readonly role: SessionRole;
  readonly streamName?: string | undefined;
  readonly user?: string | undefined;
  readonly userAgent?: string | undefined;
  /** Further facts for lists; never a secret. */
  readonly info: Readonly<Record<string, unknown>>;
  /** Bytes received from and sent to the peer so far; asked only when a list is shown. */
  bytesIn(): number;
  bytesOut(): number;
}

/** A session as lists show it; a view of the present, not a copy. */
export interface Session extends SessionFacts, Omit<OpenSession, 'id'> {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  /** Why it ended, once it has. */
  readonly endReason?: string;
}

/** The owner's handle of its session. */
export interface SessionEntry extends Session {
  /** Changes some facts; `kill` as well, when the session moves to another generation of its plugin. */
  update(partial: Partial<SessionFacts & Pick<OpenSession, 'kill'>>): void;
  /** Takes the session out of the list, with `state` CLOSED and the reason kept for whoever still holds it; may be called again. */
  close(reason?: string): void;
}

/** Facts that a list may be narrowed by; all given ones must match. */
export type SessionFilter = Partial<Pick<Session, 'protocol' | 'plugin' | 'kind' | 'state' | 'role' | 'streamName' | 'user'>>;

const NO_BYTES = (): number => 0;

/** Who is connected, through which plugin, doing what. */
export class Sessions {
  readonly #byId = new Map<string, SessionEntry>();
  readonly #counts = new Map<string, number>();
  readonly #nowMs: () => number;

  /** @param nowMs wall clock, milliseconds since the epoch */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /**
   * Puts a session on the list until its `close()`.
   *
   * @throws WcsError OPERATION_E_CONFLICT when a session of that id is open
   */
  open(options: OpenSession): SessionEntry {
    const id = options.id ?? randomUUID();
    if (this.#byId.has(id)) throw new WcsError('OPERATION_E_CONFLICT', `A session ${id} is open already.`);
    const facts: SessionFacts = { state: 'NEW', role: 'control', info: {}, bytesIn: NO_BYTES, bytesOut: NO_BYTES };
    const entry: SessionEntry = {
      ...facts,
      ...options,
      id,
      startedAtMs: this.#nowMs(),
      // Bound, not closed over: a replaced `kill` must not keep its generation's code in memory.
      kill: options.kill.bind(options),
      update: (partial) => void Object.assign(entry, partial),
      close: (reason) => this.#remove(entry, reason),
    };
    this.#byId.set(id, entry);
    this.#count(options.protocol, 1);
    return entry;
  }

  /** The open session of that id. */
  get(id: string): Session | undefined {
    return this.#byId.get(id);
  }

  /** Open sessions that match, oldest first. */
  list(filter: SessionFilter = {}): Session[] {
    const all: Session[] = [...this.#byId.values()];
    return all.filter((session) => matches(session, filter));
  }

  /** How many sessions are open, all or of one protocol. */
  count(protocol?: string): number {
    return protocol === undefined ? this.#byId.size : (this.#counts.get(protocol) ?? 0);
  }

  /** How many sessions of each protocol are open; a protocol seen once stays with 0. */
  countByProtocol(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /**
   * Asks the owner of a session to end it.
   *
   * @throws WcsError SESSION_E_NOT_FOUND
   */
  kill(id: string, reason: string): void {
    const session = this.#byId.get(id);
    if (session === undefined) throw new WcsError('SESSION_E_NOT_FOUND', `There is no session ${JSON.stringify(id.slice(0, 200))}.`);
    session.kill(reason);
  }

  #remove(entry: SessionEntry, reason: string | undefined): void {
    if (this.#byId.get(entry.id) !== entry) return;
    Object.assign(entry, { state: 'CLOSED', ...(reason === undefined ? {} : { endReason: reason }) });
    this.#byId.delete(entry.id);
    this.#count(entry.protocol, -1);
  }

  #count(protocol: string, by: number): void {
    this.#counts.set(protocol, this.count(protocol) + by);
  }
}

function matches(session: Session, filter: SessionFilter): boolean {
  return (Object.keys(filter) as (keyof SessionFilter)[]).every((name) => filter[name] === undefined || session[name] === filter[name]);
}
