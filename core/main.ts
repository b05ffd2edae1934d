import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf } from './errors/wcs-error.ts';
import { Kernel } from './kernel.ts';

/** Exit code when the server could not start at all. */
const EXIT_START_FAILED = 1;

/**
 * Process entry of `wcs-core start`: reads the arguments, starts the kernel, and turns signals into an orderly end.
 *
 * @param root absolute folder of the installation, which holds plugins/ or dist/plugins/
 */
export async function start(root: string, args: readonly string[]): Promise<void> {
  let kernel: Kernel | undefined;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        state: { type: 'string', default: 'state' },
        dev: { type: 'boolean', default: false },
      },
    });
    kernel = await Kernel.create({
      root,
      stateDir: resolve(values.state),
      ...(values.config === undefined ? {} : { configFile: resolve(values.config) }),
      dev: values.dev,
      env: process.env,
      print: (line) => process.stdout.write(`${line}\n`),
    });
    onSignals(kernel);
    await kernel.start();
  } catch (error) {
    process.stderr.write(`wcs-core could not start: ${messageOf(error)}\n`);
    process.exitCode = EXIT_START_FAILED;
    // What was opened so far would keep the process running, serving nothing.
    await kernel?.stop();
  }
}

/** First SIGTERM or SIGINT: drain and exit 0. A second one: exit at once. */
function onSignals(kernel: Kernel): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(128 + (signal === 'SIGINT' ? 2 : 15));
    stopping = true;
    void kernel.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`wcs-core did not stop cleanly: ${messageOf(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
