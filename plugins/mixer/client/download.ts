import { get as getPlain, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getSecure } from 'node:https';
import { messageOf, WcsError, type ResolvedTarget } from 'wcs-core';

/** How a file is fetched. */
export interface DownloadOptions {
  /** Judges an address at the first request and at each redirect. @throws WcsError ACCESS_E_REFUSED */
  readonly check: (url: URL) => Promise<ResolvedTarget>;
  readonly maxBytes: number;
  /** For all of it, redirects included. */
  readonly timeoutMs: number;
}

const MAX_REDIRECTS = 3;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * Fetches a small file by HTTP or HTTPS, from the address that was judged and no other. Texts of errors name the host alone: the rest
 * of a URL may be a secret.
 *
 * @throws WcsError what `check` throws; NET_E_CONNECT, MEDIA_E_NOT_FOUND for an answer that is no success, OPERATION_E_INPUT for a file
 *   that is too large or a URL of another scheme
 */
export async function download(url: string, { check, maxBytes, timeoutMs }: DownloadOptions): Promise<Buffer> {
  const signal = AbortSignal.timeout(timeoutMs);
  let place = parse(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects += 1) {
    const target = await check(place);
    try {
      const answer = await request(target, signal);
      const { statusCode = 0, headers } = answer;
      if (statusCode === 200) return await bodyOf(answer, maxBytes, target.host);
      answer.destroy();
      if (!REDIRECTS.includes(statusCode) || headers.location === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `${target.host} answers ${statusCode}.`);
      place = parse(headers.location, place);
    } catch (error) {
      if (error instanceof WcsError) throw error;
      throw new WcsError('NET_E_CONNECT', `${target.host} can't be asked: ${signal.aborted ? `no answer within ${timeoutMs} ms` : messageOf(error)}.`, { cause: error });
    }
  }
  throw new WcsError('MEDIA_E_NOT_FOUND', `${place.hostname} leads on and on.`);
}

function parse(url: string, base?: URL): URL {
  const place = URL.canParse(url, base?.href) ? new URL(url, base) : undefined;
  if (place === undefined || !['http:', 'https:'].includes(place.protocol)) throw new WcsError('OPERATION_E_INPUT', 'A file is fetched by http:// or https:// alone.');
  return place;
}

function request({ url, address, family, host }: ResolvedTarget, signal: AbortSignal): Promise<IncomingMessage> {
  const isSecure = url.protocol === 'https:';
  const options: RequestOptions = {
    // No connection is kept: the next file comes from somewhere else.
    agent: false,
    signal,
    headers: { accept: 'image/png, image/jpeg' },
    // The name was resolved and judged; it is not asked for again.
    lookup: (_name, { all }, done) => (all === true ? done(null, [{ address, family }]) : done(null, address, family)),
  };
  return new Promise((resolve, reject) => {
    const sent = isSecure ? getSecure(url, { ...options, servername: host }, resolve) : getPlain(url, options, resolve);
    sent.on('error', reject);
  });
}

async function bodyOf(answer: IncomingMessage, maxBytes: number, host: string): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > maxBytes) {
      answer.destroy();
      throw new WcsError('OPERATION_E_INPUT', `The file of ${host} is larger than ${maxBytes} bytes.`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces, length);
}
