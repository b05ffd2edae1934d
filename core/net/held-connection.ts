import type { Owner } from './owner.ts';

/**
 * A connection of the kernel, whatever it carries: a session holds it, ends it, and gives it to the next version of its
 * plugin by exchanging the handler. `Handler` is what the events go to.
 */
export interface HeldConnection<Handler = unknown> {
  readonly id: number;
  readonly handler: Handler | undefined;
  /** Whose code the handler is. */
  readonly owner: Owner;
  /** Exchanges the handler; nothing that arrives meanwhile is lost. Without a handler the connection isn't read. */
  setHandler(handler: Handler | undefined, owner?: Owner): void;
  /** Breaks the connection off. */
  destroy(): void;
}

let lastId = 0;

/** Numbers connections of every kind. */
export function nextConnectionId(): number {
  lastId += 1;
  return lastId;
}
