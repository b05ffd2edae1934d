import { messageOf, shownStreamName, type Log } from 'wcs-core';
import type { PictureFiles } from 'wcs-core/process/picture-files';

/** Fetches a picture from a URL that somebody gave; `caller` is the IP address of who did. */
export type FetchPicture = (url: string, caller: string | undefined) => Promise<Buffer>;

/** What was fetched is kept: a child that takes another's place shows it at once, and the other server is asked once. */
const KEPT_MS = 10 * 60_000;
const MAX_KEPT = 32;
const URL_PICTURE = /^https?:\/\//i;

interface Kept {
  readonly file: Promise<string>;
  readonly sinceMs: number;
}

/** Pictures that mixes show: files of the folder, and avatars from other servers. */
export class Pictures {
  readonly #files: PictureFiles;
  readonly #fetch: FetchPicture;
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, Kept>();

  constructor(files: PictureFiles, fetch: FetchPicture, nowMs: () => number) {
    this.#files = files;
    this.#fetch = fetch;
    this.#nowMs = nowMs;
  }

  /** A file of the folder in base 64. @throws what `PictureFiles.read` throws */
  read(name: string): Promise<string> {
    return this.#files.read(name);
  }

  /** The same, or one from a URL. @throws what `PictureFiles.read` and the fetch throw */
  async readAvatar(name: string, caller: string | undefined): Promise<string> {
    if (!URL_PICTURE.test(name)) return this.#files.read(name);
    const nowMs = this.#nowMs();
    // What one may fetch from this machine, another one may not be shown.
    const key = `${caller ?? ''} ${name}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMs - kept.sinceMs < KEPT_MS) return kept.file;
    const file = this.#fetch(name, caller).then((bytes) => bytes.toString('base64'));
    this.#keep(key, { file, sinceMs: nowMs });
    return file;
  }

  /** Those of an input; one that can't be had is left out, and said. */
  async ofInput({ avatar, watermark, avatarCaller }: { readonly avatar?: string | undefined; readonly watermark?: string | undefined; readonly avatarCaller?: string | undefined }, log: Log) {
    const [shown, over] = await Promise.all([
      orLeftOut(avatar, (name) => this.readAvatar(name, avatarCaller), log),
      orLeftOut(watermark, (name) => this.read(name), log),
    ]);
    return { avatar: shown, watermark: over };
  }

  /** Those of the whole mix; one that can't be had is left out, and said. */
  async ofStage({ background, watermark }: { readonly background?: string | undefined; readonly watermark?: string | undefined }, log: Log) {
    const [behind, over] = await Promise.all([background, watermark].map((name) => orLeftOut(name, (known) => this.read(known), log)));
    return { background: behind, watermark: over };
  }

  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    // What failed is asked for again.
    kept.file.catch(() => {
      if (this.#kept.get(key) === kept) this.#kept.delete(key);
    });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
  }
}

async function orLeftOut(name: string | undefined, read: (name: string) => Promise<string>, log: Log): Promise<string | undefined> {
  if (name === undefined) return undefined;
  try {
    return await read(name);
  } catch (error) {
    log.warn('A picture cannot be shown', { name: shownStreamName(name), reason: messageOf(error) });
    return undefined;
  }
}
