/** One segment of a REST path, as operations are named. */
const SEGMENT = /^[A-Za-z][A-Za-z0-9_-]*$/;
/** No operation has more words in its name. */
const MAX_SEGMENTS = 6;

/**
 * Name of the operation behind a REST path without its `/rest-api/` prefix: `stream/find_all` and `v3/stream/find_all`
 * give `stream.find_all`; undefined for what cannot be the name of an operation.
 *
 * @see wcs-rest-api.md section 1
 */
export function operationNameOf(path: string): string | undefined {
  const segments = path.replace(/\/$/, '').split('/');
  if (segments[0] === 'v3') segments.shift();
  if (segments.length < 2 || segments.length > MAX_SEGMENTS || !segments.every((segment) => SEGMENT.test(segment))) return undefined;
  return segments.join('.');
}

/** The REST path of an operation: `stream.find_all` gives `/rest-api/stream/find_all`. */
export function pathOfOperation(name: string): string {
  return `/rest-api/${name.replaceAll('.', '/')}`;
}

/** Whether an empty list is answered with 404, as WCS does for every `find` and `find_all`. */
export function isFind(operationName: string): boolean {
  return /\.find(_all)?$/.test(operationName);
}
