import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { checkout } from '../../support/test-kernel.ts';

/** A part of a load in a process of its own, so that its cost is nobody else's. Commands run one after another. */
export class LoadChild {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** @param script below the folder of this file; it calls `answerCommands` */
  static async start(script: string): Promise<LoadChild> {
    const outfile = join(checkout, '.build', 'load', `${basename(script, '.ts')}.mjs`);
    await build({
      absWorkingDir: checkout,
      entryPoints: [join('test', 'bench', 'load', script)],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'warning',
    });
    return new LoadChild(fork(outfile, { cwd: checkout, serialization: 'advanced' }));
  }

  /** Gives a command and waits for its answer. @throws Error when the process ends or fails */
  async ask<Answer>(command: unknown): Promise<Answer> {
    const answer = once(this.#child, 'message') as Promise<[{ readonly answer: Answer }]>;
    const ended = once(this.#child, 'exit').then(([code]) => {
      throw new Error(`The load ended with ${String(code)}`);
    });
    this.#child.send(command as object);
    const [message] = await Promise.race([answer, ended]);
    return message.answer;
  }

  /** Of its process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

/** The other side: what fails ends the process, which whoever asked is told. */
export function answerCommands<Command>(answerTo: (command: Command) => unknown): void {
  process.on('message', (command) => void Promise.resolve(answerTo(command as Command)).then((answer) => process.send?.({ answer })));
}
