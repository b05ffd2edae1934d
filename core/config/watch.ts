import { basename, dirname, resolve } from 'node:path';
import { watch } from 'chokidar';

/** Editors write in several steps; this long after the last one the file counts as written. */
export const WATCH_DEBOUNCE_MS = 50;

/** Calls `onChange` after a file was written, made, replaced or removed; it need not exist yet. */
export function watchFile(file: string, onChange: () => void, debounceMs = WATCH_DEBOUNCE_MS): () => Promise<void> {
  const folder = resolve(dirname(file));
  const name = basename(file);
  let timer: NodeJS.Timeout | undefined;
  const touched = (): void => {
    clearTimeout(timer);
    timer = setTimeout(onChange, debounceMs);
  };
  // The folder is watched, not the file: a replaced file is a new one to the system.
  const watcher = watch(folder, { depth: 0, ignoreInitial: true, ignored: (path) => resolve(path) !== folder && basename(path) !== name });
  // Ready counts as a touch, for what was written while the watch was set up.
  watcher.on('all', touched).on('ready', touched);
  return async () => {
    clearTimeout(timer);
    await watcher.close();
    clearTimeout(timer);
  };
}
