import { WcsError } from 'wcs-core';

/** User and password of an address; plain data. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What an `rtmp://` or `rtmps://` address says; plain data. */
export interface RelayAddress {
  readonly secure: boolean;
  /** Host and, where it was given, port: `media.example.org:1936`. */
  readonly authority: string;
  /** Application with its parameters, without slashes around it. */
  readonly app: string;
  /** Stream name with its parameters; empty where the address ends with the application. */
  readonly streamName: string;
  readonly credentials: Credentials | undefined;
}

/** `rtmp://` and what stands up to the path. */
const HEAD = /^rtmps?:\/\/[^/?#]*/i;

/**
 * Reads an address: the application, and the last part of the path as the name of the stream
 * (`rtmp://HOST/live?A=1/NAME?B=2`, `rtmp://HOST/app/instance/NAME`).
 *
 * @param named whether the address names a stream; if not, all of its path is the application
 * @throws WcsError OPERATION_E_INPUT for anything else; the sentence holds nothing of the address
 */
export function parseRelayAddress(text: string, named: boolean): RelayAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const head = HEAD.exec(text)?.[0];
  if (url === undefined || head === undefined || url.hostname === '') throw invalid('it is not of the form rtmp://HOST/APPLICATION/STREAM, or rtmps://');
  const path = text.slice(head.length).replace(/^\/+/, '').replace(/\/+$/, '');
  const cut = named ? nameStart(path) : path.length + 1;
  if (path === '' || cut === 0) throw invalid('an application is missing');
  if (named && cut >= path.length) throw invalid('the name of a stream is missing');
  const credentials = url.username === '' ? undefined : { user: decoded(url.username), password: decoded(url.password) };
  return { secure: url.protocol === 'rtmps:', authority: url.host, app: path.slice(0, Math.max(0, cut - 1)).replace(/\/+$/, ''), streamName: path.slice(cut), credentials };
}

/** The address for lists and replies: as it was given, without the password. */
export function shownAddress({ secure, authority, app, streamName, credentials }: RelayAddress): string {
  const user = credentials === undefined ? '' : `${encodeURIComponent(credentials.user)}@`;
  return `rtmp${secure ? 's' : ''}://${user}${authority}/${app}${streamName === '' ? '' : `/${streamName}`}`;
}

/** The address that the server is told: neither user nor stream are in it. */
export function tcUrlOf({ secure, authority, app }: RelayAddress): string {
  return `rtmp${secure ? 's' : ''}://${authority}/${app}`;
}

/** Server and application, for logs and errors: a stream's name and all parameters may be secrets. */
export function serverOf({ secure, authority, app }: RelayAddress): string {
  return `rtmp${secure ? 's' : ''}://${authority}/${app.split('?')[0] ?? ''}`;
}

/** Where the name begins: behind the last slash of the path, or of the application's parameters where the path has one part only. */
function nameStart(path: string): number {
  const query = path.indexOf('?');
  const slash = path.lastIndexOf('/', query < 0 ? path.length : query);
  return (slash >= 0 ? slash : path.lastIndexOf('/')) + 1;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function invalid(why: string): WcsError {
  return new WcsError('OPERATION_E_INPUT', `The RTMP address cannot be used: ${why}.`);
}
