import type { Role } from 'wcs-core';

/** Exit codes, as `ssh HOST COMMAND` hands them on. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, cancelled: 130 } as const;

/** One of `EXIT`. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** How a line went. */
export interface Outcome {
  readonly exitCode: ExitCode;
  /** The user asked to leave. */
  readonly leave: boolean;
}

/** Where a command reads and writes while it runs. */
export interface CommandIo {
  /** Aborted by Ctrl-C and when the peer has gone. */
  readonly signal: AbortSignal;
  /** Width of the terminal; undefined where there is none. */
  readonly columns: number | undefined;
  out(text: string): void;
  err(text: string): void;
  /** Bytes that the peer has not taken yet. */
  backlogBytes(): number;
  /** A line that is not shown while typed; undefined when the peer has gone or gave up. */
  askSecret(prompt: string): Promise<string | undefined>;
  /** Resolves after the time, or at once when `signal` aborts. */
  sleep(delayMs: number): Promise<void>;
}

/** Who is at the command line; asked anew for each command, since users and roles change. */
export interface Operator {
  readonly name: string;
  /** The present role; undefined when there is no such user any more. */
  role(): Role | undefined;
  /** IP address of the peer. */
  readonly address: string;
}
