import { messageOf, type PluginContext, type Scope } from 'wcs-core';

/** What a script of the operator's needs of the server's environment; its secrets are none of it. */
const PASSED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];
/** Scripts at the same time, and files that wait for theirs. */
const MAX_RUNNING = 4;
const MAX_WAITING = 1000;

/** What running scripts needs of the plugin. */
export type ScriptHost = Pick<PluginContext, 'spawn' | 'scope' | 'log' | 'timers'>;

/** The program to run, with the arguments in front of the stream's name and the file's path. */
export interface ScriptSettings {
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

/** Runs the operator's program after each recording: no shell, a few at a time, each with its process group in a time limit. */
export class HookScript {
  readonly #host: ScriptHost;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(host: ScriptHost) {
    this.#host = host;
  }

  /** Resolves when the program has ended, whatever came of it. */
  async run({ command, timeoutMs }: ScriptSettings, streamName: string, path: string): Promise<void> {
    const { log, scope } = this.#host;
    if (this.#waiting.length >= MAX_WAITING) {
      log.error('The script after recordings is too slow and was left out', { file: path });
      return;
    }
    if (this.#running >= MAX_RUNNING) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running += 1;
    try {
      if (scope.closed) throw new Error('the plugin is stopping');
      await this.#runNow(command, [streamName, path], timeoutMs, scope.child('script after a recording'));
    } catch (error) {
      log.error(`The script after a recording failed: ${messageOf(error)}`, { script: command[0], file: path });
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #runNow([program = '', ...rest]: readonly string[], facts: readonly string[], timeoutMs: number, scope: Scope): Promise<void> {
    const env = Object.fromEntries(PASSED_ON.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
    const child = this.#host.spawn(program, [...rest, ...facts], { stdio: 'ignore', env }, scope);
    try {
      await new Promise<void>((resolve, reject) => {
        const cancel = this.#host.timers.after(timeoutMs, () => reject(new Error(`it took longer than ${timeoutMs} ms and was killed`)));
        child.once('error', (error) => {
          cancel();
          reject(error);
        });
        child.once('exit', (code, signal) => {
          cancel();
          if (code === 0) resolve();
          else reject(new Error(code === null ? `it was ended by ${signal ?? 'a signal'}` : `it ended with ${code}`));
        });
      });
    } finally {
      await scope.close();
    }
  }
}
