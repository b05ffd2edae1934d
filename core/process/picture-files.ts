import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { containedPath } from '../access/contained-path.ts';
import { WcsError } from '../errors/wcs-error.ts';

/** Largest file of a picture. */
export const MAX_PICTURE_BYTES = 4 * 1024 * 1024;

/** Watermarks, backgrounds and other pictures: files below one folder. */
export class PictureFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = resolve(folder);
  }

  /** Absolute path of a file that need not exist. @throws WcsError ACCESS_E_REFUSED for a path out of the folder */
  pathOf(name: string): string {
    return containedPath(this.#folder, name);
  }

  /**
   * A file in base 64.
   *
   * @throws WcsError ACCESS_E_REFUSED for a path out of the folder, MEDIA_E_NOT_FOUND, OPERATION_E_INPUT when it is too large
   */
  async read(name: string): Promise<string> {
    const file = await open(this.pathOf(name), 'r').catch(() => undefined);
    if (file === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `There is no picture ${name}.`);
    try {
      const { size } = await file.stat();
      if (size > MAX_PICTURE_BYTES) throw new WcsError('OPERATION_E_INPUT', `The picture ${name} is larger than ${MAX_PICTURE_BYTES} bytes.`);
      return await file.readFile('base64');
    } finally {
      await file.close();
    }
  }
}
