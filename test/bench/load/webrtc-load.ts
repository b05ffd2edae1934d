import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';
import { mediaFolder } from '../../support/media-folder.ts';
import { checkout } from '../../support/test-kernel.ts';
import type { LoadAnswers, LoadCommand } from './webrtc-load/messages.ts';

const BUNDLE = join('.build', 'load', 'webrtc-load.mjs');

/** WebRTC peers in a process of their own, so that their cost is not the server's. Commands run one after another. */
export class WebRtcLoad {
  readonly #child: ChildProcess;
  readonly #waiting: { readonly resolve: (line: string) => void; readonly reject: (error: Error) => void }[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('The load has no output');
    createInterface({ input: child.stdout }).on('line', (line) => this.#waiting.shift()?.resolve(line));
    child.once('exit', (code) => {
      for (const { reject } of this.#waiting.splice(0)) reject(new Error(`The load ended with ${code}`));
    });
  }

  static async start(): Promise<WebRtcLoad> {
    await build({
      absWorkingDir: checkout,
      entryPoints: [join('test', 'bench', 'load', 'webrtc-load', 'main.ts')],
      outfile: BUNDLE,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      packages: 'external',
      logLevel: 'warning',
    });
    return new WebRtcLoad(spawn(process.execPath, [BUNDLE, mediaFolder], { cwd: checkout, stdio: ['pipe', 'pipe', 'inherit'] }));
  }

  /**
   * Gives a command and waits for its answer.
   *
   * @throws Error when the load ends or fails
   */
  async run<Type extends LoadCommand['type']>(command: Extract<LoadCommand, { type: Type }>): Promise<LoadAnswers[Type]> {
    const line = await new Promise<string>((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    });
    // JSON has no word for what was not measured.
    const answer = JSON.parse(line, (_key, value: unknown) => value ?? Number.NaN) as LoadAnswers[Type] | { readonly error: string };
    if ('error' in answer) throw new Error(answer.error);
    return answer;
  }

  stop(): void {
    this.#child.stdin?.end();
    this.#child.kill('SIGKILL');
  }
}
