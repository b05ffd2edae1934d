/** A session made by WHIP or WHEP. */
export interface HttpSession {
  readonly answer: string;
  /** Undefined when the server named no place for the session. */
  readonly location: string | undefined;
  readonly etag?: string;
  /** Ends the session. Gives the status of the answer. */
  end(): Promise<number>;
}

/** Kept-alive connections would look like something that a server left behind. */
const CLOSE = { Connection: 'close' } as const;

/** A refusal. */
export class OfferRefused extends Error {
  constructor(
    readonly status: number,
    readonly body: string,
  ) {
    super(`HTTP ${status}: ${body}`);
  }
}

/**
 * Posts an offer. @see RFC 9725 section 4.2
 *
 * @throws OfferRefused for any status but 201
 */
export async function postOffer(url: string, sdp: string, signal?: AbortSignal): Promise<HttpSession> {
  const response = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/sdp', ...CLOSE }, body: sdp, ...(signal && { signal }) });
  const body = await response.text();
  if (response.status !== 201) throw new OfferRefused(response.status, body);
  const header = response.headers.get('location');
  const etag = response.headers.get('etag');
  const location = header === null ? undefined : new URL(header, url).href;
  return {
    answer: body,
    location,
    ...(etag === null ? {} : { etag }),
    end: async () => {
      if (location === undefined) throw new Error('The server gave no Location.');
      const ended = await fetch(location, { method: 'DELETE', headers: CLOSE });
      await ended.arrayBuffer();
      return ended.status;
    },
  };
}
