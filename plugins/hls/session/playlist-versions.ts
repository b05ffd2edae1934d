import { gzipSync } from 'node:zlib';
import { writeMediaPlaylist, type MediaPlaylist } from '../wire/media-playlist.ts';

/** A playlist as it goes out. */
export interface PlaylistBody {
  readonly data: Buffer;
  readonly gzip: boolean;
}

/** Viewers' own parameters for which a version is kept; more are written for each request. */
const MAX_SUFFIXES = 64;

/** The forms of the present version of a playlist: each is built once, when first asked for, and shared by all who ask. */
export class PlaylistVersions {
  readonly #read: () => MediaPlaylist;
  #playlist: MediaPlaylist | undefined;
  readonly #bodies = new Map<string, Buffer>();

  /** @param read gives the present state */
  constructor(read: () => MediaPlaylist) {
    this.#read = read;
  }

  /** The state has changed: the next answer is a new version. */
  renew(): void {
    this.#playlist = undefined;
    this.#bodies.clear();
  }

  body(form: { readonly delta: boolean; readonly gzip: boolean; readonly uriSuffix: string }): PlaylistBody {
    const key = `${form.delta ? 'd' : 'p'}${form.gzip ? 'z' : ''}${form.uriSuffix}`;
    let data = this.#bodies.get(key);
    if (data === undefined) {
      data = form.gzip ? gzipSync(this.body({ ...form, gzip: false }).data) : Buffer.from(this.#write(form));
      if (this.#bodies.size < 4 * MAX_SUFFIXES) this.#bodies.set(key, data);
    }
    return { data, gzip: form.gzip };
  }

  #write(form: { readonly delta: boolean; readonly uriSuffix: string }): string {
    this.#playlist ??= this.#read();
    return writeMediaPlaylist(this.#playlist, form);
  }
}
