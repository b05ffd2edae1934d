/** How media is packed. */
export type Container = 'fmp4' | 'ts';

/** A file of a presentation; `token` names the presentation and is unique over restarts of a publisher. */
export type MediaFile =
  | { readonly type: 'init'; readonly token: string; readonly id: number }
  | { readonly type: 'segment'; readonly token: string; readonly msn: number; readonly extension: 'm4s' | 'ts' }
  | { readonly type: 'part'; readonly token: string; readonly msn: number; readonly part: number };

/** What a URL path asks for; `name` is decoded but not yet checked against the grammar of stream names. */
export type HlsResource =
  | { readonly type: 'playlist'; readonly name: string; readonly container?: Container }
  | { readonly type: 'multivariant'; readonly name: string }
  /** A playlist asked for by a path that relative URIs would not work from. */
  | { readonly type: 'redirect'; readonly location: string }
  | { readonly type: 'file'; readonly name: string; readonly file: MediaFile };

const PATH_MAX = 8192;
const EXTENSION = '.m3u8';
const MULTIVARIANT_NAMES: readonly string[] = ['master.m3u8', 'index.m3u8'];
const CONTAINERS: readonly string[] = ['fmp4', 'ts'] satisfies Container[];
const FILE = /^([0-9a-z]{1,16})-(?:i(\d{1,9})\.mp4|(\d{1,15})(?:\.(\d{1,9}))?\.(m4s|ts))$/;

/**
 * Reads the path of a request: `/NAME/NAME.m3u8`, `/NAME/CONTAINER/NAME.m3u8`, `/NAME/master.m3u8` and the files beside
 * them. A name that has slashes is percent-encoded; written plainly, its playlist is answered with a redirection.
 *
 * @param path as in the request line, without the query
 * @returns undefined for everything else: there are no files of a disk behind it
 */
export function parseRequestPath(path: string): HlsResource | undefined {
  if (path.length > PATH_MAX || !path.startsWith('/')) return undefined;
  const pieces = path.slice(1).split('/').map(decode);
  if (pieces.includes('')) return undefined;
  const [name = '', second = '', third = ''] = pieces;
  if (pieces.length === 2) return resourceOf(name, second, undefined);
  if (pieces.length === 3 && isContainer(second)) return resourceOf(name, third, second);
  return plainlyWritten(pieces.join('/'));
}

/** The absolute path of a stream's playlist; relative URIs in it resolve to files beside it. */
export function playlistPath(name: string, container?: Container): string {
  const encoded = encodeURIComponent(name);
  return `/${encoded}/${container === undefined ? '' : `${container}/`}${encoded}${EXTENSION}`;
}

/** The file name of an init segment, a segment or a part. */
export function fileName(file: MediaFile): string {
  switch (file.type) {
    case 'init':
      return `${file.token}-i${file.id}.mp4`;
    case 'segment':
      return `${file.token}-${file.msn}.${file.extension}`;
    case 'part':
      return `${file.token}-${file.msn}.${file.part}.m4s`;
  }
}

function resourceOf(name: string, last: string, container: Container | undefined): HlsResource | undefined {
  if (last === name + EXTENSION) return { type: 'playlist', name, ...(container === undefined ? {} : { container }) };
  if (container === undefined && MULTIVARIANT_NAMES.includes(last)) return { type: 'multivariant', name };
  const file = parseFileName(last);
  return file === undefined ? undefined : { type: 'file', name, file };
}

function parseFileName(text: string): MediaFile | undefined {
  const [, token, id, msn, part, extension] = FILE.exec(text) ?? [];
  if (token === undefined) return undefined;
  if (id !== undefined) return { type: 'init', token, id: Number(id) };
  if (part === undefined) return { type: 'segment', token, msn: Number(msn), extension: extension === 'ts' ? 'ts' : 'm4s' };
  return extension === 'ts' ? undefined : { type: 'part', token, msn: Number(msn), part: Number(part) };
}

/** `live/cam/live/cam.m3u8` is twice the same name around a slash, perhaps with a container between. */
function plainlyWritten(path: string): HlsResource | undefined {
  if (!path.endsWith(EXTENSION)) return undefined;
  const text = path.slice(0, -EXTENSION.length);
  for (const container of [undefined, ...CONTAINERS]) {
    const middle = container === undefined ? '/' : `/${container}/`;
    const name = text.slice(0, (text.length - middle.length) / 2);
    if (name !== '' && text === name + middle + name) {
      return { type: 'redirect', location: playlistPath(name, isContainer(container) ? container : undefined) };
    }
  }
  return undefined;
}

function isContainer(text: string | undefined): text is Container {
  return text !== undefined && CONTAINERS.includes(text);
}

/** Empty, which no piece may be, when it isn't percent-encoded UTF-8. */
function decode(piece: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    return '';
  }
}
