import { ProtocolError } from 'wcs-core';

/** The port of `rtsp:`, and that of `rtsps:`. @see RFC 7826 section 4.2 */
export const RTSP_PORT = 554;
export const RTSPS_PORT = 322;

/** The parts of an `rtsp://` or `rtsps://` address. */
export interface RtspUrl {
  readonly secure: boolean;
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** Decoded. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** The address without credentials, as requests name it. */
  readonly requestUri: string;
}

const ADDRESS = /^(rtsps?):\/\/(?:([^/?#]*)@)?(\[[0-9a-f:.%]+\]|[^/?#:@\s[\]]+)(?::(\d{0,5}))?([/?#][^\s]*)?$/i;

/**
 * Takes an address apart. A password may hold `@` and `:` as they are; what else has a meaning in addresses must be
 * percent-encoded.
 *
 * @throws ProtocolError that doesn't repeat the address, which may hold a password
 */
export function parseRtspUrl(text: string): RtspUrl {
  const [, scheme = '', userInfo, authority = '', portText = '', path = ''] = ADDRESS.exec(text) ?? [];
  if (scheme === '') throw new ProtocolError('RTSP: an address is rtsp://[user:password@]host[:port]/path');
  const secure = scheme.toLowerCase() === 'rtsps';
  const port = portText === '' ? (secure ? RTSPS_PORT : RTSP_PORT) : Number(portText);
  if (port < 1 || port > 0xffff) throw new ProtocolError('RTSP: the port of an address lies between 1 and 65535');
  return {
    secure,
    host: authority.replace(/^\[(.*)\]$/, '$1'),
    port,
    requestUri: `${scheme.toLowerCase()}://${authority}${portText === '' ? '' : `:${port}`}${path}`,
    ...(userInfo === undefined || userInfo === '' ? {} : { credentials: parseUserInfo(userInfo) }),
  };
}

function parseUserInfo(userInfo: string): { readonly user: string; readonly password: string } {
  const colon = userInfo.indexOf(':');
  const [user, password] = colon === -1 ? [userInfo, ''] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return { user: decode(user), password: decode(password) };
}

/** A `%` that begins no code stands for itself. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
