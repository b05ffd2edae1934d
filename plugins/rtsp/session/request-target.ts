import { parseStreamName, ProtocolError } from 'wcs-core';
import { parseRtspUrl } from '../wire/rtsp-url.ts';

/** What the address of a request names. */
export interface RequestTarget {
  /** Stream name. */
  readonly name: string;
  readonly params: Readonly<Record<string, string>>;
  /** Number of the track, where the address names one. */
  readonly track: number | undefined;
}

const TRACK = /\/trackID=(\d{1,3})\/?$/;
const PARAMS_MAX = 32;

/**
 * Takes an address apart: `rtsp://HOST/NAME?key=value/trackID=0`, the track behind the query, as clients write it.
 *
 * @throws ProtocolError for what is no address; WcsError MEDIA_E_NAME_INVALID
 */
export function parseTarget(uri: string): RequestTarget {
  const { requestUri } = parseRtspUrl(uri);
  const path = requestUri.replace(/^[a-z]+:\/\/[^/?#]*/, '');
  const track = TRACK.exec(path)?.[1];
  const [pathname = '', ...query] = path.replace(TRACK, '').split('?');
  const name = parseStreamName(decoded(pathname.replace(/^\//, '').replace(/\/$/, '')));
  const params = Object.fromEntries([...new URLSearchParams(query.join('?').replace(/\/$/, ''))].slice(0, PARAMS_MAX));
  return { name, params, track: track === undefined ? undefined : Number(track) };
}

/** The address without credentials, query and slash at the end, by which addresses of one session are compared. */
export function comparable(uri: string): string {
  return uri.replace(/^(rtsps?:\/\/)[^/?#]*@/i, '$1').replace(/\/+$/, '').toLowerCase();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ProtocolError('RTSP: a path with a broken escape');
  }
}
