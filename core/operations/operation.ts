import type { z } from 'zod';

/** What a caller may do: `viewer` reads, `admin` also changes. */
export type Role = 'viewer' | 'admin';

/** Who calls an operation, and through which front end. */
export interface Caller {
  readonly kind: 'rest' | 'cli' | 'jmx' | 'rmi' | 'kernel';
  readonly user: string;
  readonly role: Role;
  /** IP address of the peer, where there is one. */
  readonly address?: string;
}

/** What a handler gets besides its input. */
export interface OperationCall {
  readonly caller: Caller;
  /** Aborted when the caller is gone; a long operation gives up then. */
  readonly signal: AbortSignal;
}

/** One thing that an operator can ask for, defined once and shown by every front end. */
export interface Operation<I, O> {
  /** Dotted, e.g. `stream.find_all`: REST `/rest-api/stream/find_all`, command line `stream find_all`. */
  readonly name: string;
  /** One sentence for help texts and the API page. */
  readonly summary: string;
  /** Validates and converts the input; loose types by `looseBoolean` and `looseNumber`. */
  readonly input: z.ZodType<I>;
  /** Describes the answer in the API page; answers are not checked against it. */
  readonly output?: z.ZodType<O>;
  /** The least role that may call it. */
  readonly role: Role;
  /** Other names that lead here. */
  readonly aliases?: readonly string[];
  /** `positional`: input fields filled from the words of a command line in this order. */
  readonly cli?: { readonly positional?: readonly string[] };
  handler(input: I, call: OperationCall): Promise<O> | O;
}

/** An operation whose types are of no interest to who holds it: a front end or the registry. */
export type AnyOperation = Operation<unknown, unknown>;

/** Gives an operation its types from its schemas. */
export function defineOperation<I, O>(operation: Operation<I, O>): Operation<I, O> {
  return operation;
}
