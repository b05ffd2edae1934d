import { sep } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import { messageOf } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import type { PluginHost } from './host.ts';
import type { Slot } from './slot.ts';

/** Quiet time after the last change of a file before its plugin is built: editors write in several steps. */
const DEBOUNCE_MS = 50;

/** Swaps plugins whose sources change, and says so when the kernel's own do. */
export class PluginWatcher {
  readonly #host: PluginHost;
  readonly #log: Log;
  readonly #kernelFolder: string;
  readonly #watcher: FSWatcher;
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param kernelFolder absolute folder of the kernel's sources
   * @param folders absolute folders to watch beside it
   */
  constructor(host: PluginHost, log: Log, kernelFolder: string, folders: readonly string[]) {
    this.#host = host;
    this.#log = log;
    this.#kernelFolder = kernelFolder;
    this.#watcher = watch([kernelFolder, ...folders], {
      ignoreInitial: true,
      ignored: (path) => path.includes(`${sep}node_modules${sep}`),
    });
    this.#watcher.on('all', (_event, path) => this.#note(path));
    this.#watcher.on('error', (error) => this.#log.warn(`Changes of the sources may go unseen: ${messageOf(error)}`));
  }

  /** Resolves when every file is watched. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => this.#watcher.once('ready', () => resolve()));
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#watcher.close();
  }

  #note(path: string): void {
    this.#changed.add(path);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#swapChanged(), DEBOUNCE_MS);
  }

  #swapChanged(): void {
    const changed = [...this.#changed];
    this.#changed.clear();
    const touched = this.#host.slots.filter((slot) => changed.some((path) => concerns(slot, path)));
    for (const slot of touched) {
      // The host has logged it already, with what still serves.
      this.#host.reload(slot.name).catch((error: unknown) => this.#log.debug(messageOf(error)));
    }
    const kernelFile = changed.find((path) => isBelow(this.#kernelFolder, path) && !touched.some((slot) => slot.active?.bundle.inputs.includes(path)));
    if (kernelFile !== undefined) this.#log.warn('A file of the kernel changed; restart the server to use it.', { file: kernelFile });
  }
}

/** Whether a changed file may change what a plugin does; one that is switched off stays off. */
function concerns({ state, error, active, source }: Slot, path: string): boolean {
  if (state === 'disabled') return false;
  if (active?.bundle.inputs.includes(path) === true) return true;
  // What does not compile has no list of inputs: any change in its folder is worth a try.
  return error !== undefined && source !== undefined && isBelow(source.folder, path);
}

function isBelow(folder: string, path: string): boolean {
  return path.startsWith(folder + sep);
}
