import { open, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { watch } from 'chokidar';
import { containedPath, messageOf, WcsError } from 'wcs-core';
import { z } from 'zod';
import type { CustomLayout, CustomPlace } from '../layout/layout.ts';

/** Share of a picture. */
const share = z.number().min(0).max(1);
/** The places of one number of inputs. */
export const placesSchema = z.array(z.object({ x: share, y: share, width: share, height: share, position: z.string().max(100).optional(), fit: z.enum(['contain', 'cover']).optional() })).min(1).max(100);

/** `N_NAME.json`: the places of N inputs. */
const LAYOUT_FILE = /^([1-9]\d{0,2})_[^/]*\.json$/;
const MAX_FILE_BYTES = 64 * 1024;
/** Editors write in several steps, and a set of files one by one. */
const SETTLE_MS = 100;

/** Layouts of one's own, a folder of files each, below one folder. */
export class LayoutFolders {
  readonly #root: string;

  constructor(root: string) {
    this.#root = resolve(root);
  }

  /**
   * The layouts of a folder.
   *
   * @throws WcsError ACCESS_E_REFUSED for a path out of the root, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT naming the file that is none
   */
  async read(name: string): Promise<CustomLayout> {
    const folder = containedPath(this.#root, name);
    const files = await readdir(folder).catch(() => undefined);
    const found = files?.filter((file) => LAYOUT_FILE.test(file)).sort() ?? [];
    if (found.length === 0) throw new WcsError('MEDIA_E_NOT_FOUND', `There are no layouts in ${name}: files like 2_beside.json.`);
    const layout: Record<string, readonly CustomPlace[]> = {};
    // Of several for one number the first by name.
    for (const file of found) layout[LAYOUT_FILE.exec(file)?.[1] ?? ''] ??= await placesOf(join(folder, file), file);
    return layout;
  }

  /** Calls when the files of a folder have changed; answers what ends that. @param after a timer of the owner's */
  watch(name: string, onChange: () => void, after: (ms: number, work: () => void) => () => void): () => Promise<void> {
    let cancel: (() => void) | undefined;
    const watcher = watch(containedPath(this.#root, name), { depth: 0, ignoreInitial: true });
    const touched = (): void => {
      cancel?.();
      cancel = after(SETTLE_MS, onChange);
    };
    // Ready counts as a touch, for what was written while the watch was set up.
    watcher.on('all', touched).on('ready', touched).on('error', () => undefined);
    return async () => {
      cancel?.();
      await watcher.close();
      cancel?.();
    };
  }
}

async function placesOf(path: string, name: string): Promise<readonly CustomPlace[]> {
  try {
    const parsed = placesSchema.safeParse(JSON.parse(await textOf(path)));
    if (parsed.success) return parsed.data;
    throw new WcsError('OPERATION_E_INPUT', z.prettifyError(parsed.error));
  } catch (error) {
    throw new WcsError('OPERATION_E_INPUT', `${name} is no layout: ${messageOf(error)}`, { cause: error });
  }
}

async function textOf(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size > MAX_FILE_BYTES) throw new WcsError('OPERATION_E_INPUT', `it is larger than ${MAX_FILE_BYTES} bytes`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
