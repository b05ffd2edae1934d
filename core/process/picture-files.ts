import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { containedPath, messageOf, WcsError, type Log } from 'wcs-core';

/** Largest file of a picture. */
export const MAX_PICTURE_BYTES = 4 * 1024 * 1024;

/** Watermarks, backgrounds and avatars: files below one folder. */
export class PictureFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  /**
   * A file in base 64.
   *
   * @throws WcsError ACCESS_E_REFUSED for a path out of the folder, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT when it is too large
   */
  async read(name: string): Promise<string> {
    const path = containedPath(this.#folder, name);
    const file = await open(path, 'r').catch(() => undefined);
    if (file === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `There is no picture ${name}.`);
    try {
      const { size } = await file.stat();
      if (size > MAX_PICTURE_BYTES) throw new WcsError('OPERATION_E_INPUT', `The picture ${name} is larger than ${MAX_PICTURE_BYTES} bytes.`);
      return await file.readFile('base64');
    } finally {
      await file.close();
    }
  }

  /** Several by key; one that is no longer there is left out, and said. */
  async readAll<Key extends string>(names: Readonly<Record<Key, string | undefined>>, log: Log): Promise<Partial<Record<Key, string>>> {
    const found: Partial<Record<Key, string>> = {};
    for (const key of Object.keys(names) as Key[]) {
      const name = names[key];
      if (name === undefined) continue;
      try {
        found[key] = await this.read(name);
      } catch (error) {
        log.warn('A picture cannot be shown', { name, reason: messageOf(error) });
      }
    }
    return found;
  }
}
