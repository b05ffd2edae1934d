import type { IncomingHttpHeaders } from 'node:http';
import { WcsError } from '../errors/wcs-error.ts';

/** A request as plain data; nothing of HTTP's machinery reaches the plugin that answers it. */
export interface WebRequest {
  readonly method: string;
  /** Path without query, still percent-encoded; begins with the route's prefix. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders;
  /** At most `WEB_BODY_MAX_BYTES`. */
  readonly body: Buffer;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly encrypted: boolean;
  /** Aborted when the client goes away before its answer. */
  readonly signal: AbortSignal;
}

/** An answer as plain data. */
export interface WebAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
}

/** A part of the web server's address space that another plugin answers. */
export interface WebRoute {
  /** Begins and ends with a slash: `/whip/`. */
  readonly prefix: string;
  /** Others get 405 with these in `Allow`. */
  readonly methods: readonly string[];
  /** What it throws is answered as the REST interface answers errors. */
  readonly handle: (request: WebRequest) => Promise<WebAnswer>;
}

/** Body of a request at most, in bytes. */
export const WEB_BODY_MAX_BYTES = 1024 * 1024;

const PREFIX = /^\/(?:[A-Za-z0-9._-]+\/)+$/;

/** The routes that plugins answer through whichever plugin serves HTTP. */
export class WebRoutes {
  /** Newest last: a generation that is swapped in covers the one that drains. */
  #routes: readonly WebRoute[] = [];

  /**
   * Serves a route until the returned release is called; a later one with the same prefix covers it.
   *
   * @throws WcsError PLUGIN_E_MANIFEST for a prefix that isn't a path between slashes
   */
  register(route: WebRoute): () => void {
    if (!PREFIX.test(route.prefix)) throw new WcsError('PLUGIN_E_MANIFEST', `Web route ${JSON.stringify(route.prefix)} must be a path that begins and ends with a slash.`);
    const own = { ...route };
    this.#routes = [...this.#routes, own];
    return () => void (this.#routes = this.#routes.filter((other) => other !== own));
  }

  /** The newest route with the longest prefix of the path. */
  find(path: string): WebRoute | undefined {
    let best: WebRoute | undefined;
    for (const route of this.#routes) {
      if (path.startsWith(route.prefix) && route.prefix.length >= (best?.prefix.length ?? 0)) best = route;
    }
    return best;
  }
}
