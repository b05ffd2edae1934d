import { AsyncResource } from 'node:async_hooks';
import type { build } from 'esbuild';

/** Long enough for a row of reloads. */
const IDLE_MS = 30_000;

/** The compiler of plugins, which has a process of its own: there on first use, and gone once nothing was built for a while. */
export class Compiler {
  readonly #idleMs: number;
  /** Waiting is nobody's: begun in the context of whoever built last, it would keep that alive. */
  readonly #context = new AsyncResource('Compiler');
  #busy = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(idleMs: number = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** Does what needs the compiler; it stays until that is done. */
  async use<T>(work: (compile: typeof build) => Promise<T>): Promise<T> {
    clearTimeout(this.#idle);
    this.#busy += 1;
    try {
      // Loaded on first use: an installed server with prebuilt plugins only never needs it.
      const esbuild = await import('esbuild');
      return await work(esbuild.build);
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0) this.#context.runInAsyncScope(() => this.#endWhenIdle());
    }
  }

  #endWhenIdle(): void {
    this.#idle = setTimeout(() => {
      void import('esbuild').then(({ stop }) => (this.#busy === 0 ? stop() : undefined));
    }, this.#idleMs).unref();
  }
}
