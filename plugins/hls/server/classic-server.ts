import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import HLSServer from 'hls-server';
import type { HttpExchange, HttpRequest } from 'wcs-core';

/**
 * Serves whole MPEG-TS playlists and segments through the hls-server package.
 *
 * The package attaches itself to the `request` event of what it takes for an HTTP server: here an emitter, which has no
 * socket and no timer, and through which it is handed single requests of HTTP/1.1 and HTTP/2. It picks
 * playlist or segment by the URL, sets type and status and pipes the body; its provider knows nothing but the answer that the
 * router has found for that very request. It never sees `Accept-Encoding`: it would compress for each client again.
 */
export class ClassicServer {
  readonly #inner = new EventEmitter();
  readonly #answers = new WeakMap<HttpRequest, readonly Buffer[]>();

  constructor() {
    const stream = (request: HttpRequest, callback: (error: Error | null, stream?: Readable) => void): void => {
      const pieces = this.#answers.get(request);
      this.#answers.delete(request);
      // Buffers in memory: nothing in this stream can fail, which the package would not survive.
      if (pieces === undefined) callback(new Error('No answer for this request'));
      else callback(null, Readable.from(pieces, { objectMode: false }));
    };
    new HLSServer<HttpRequest>(this.#inner, {
      path: '/',
      debugPlayer: false,
      provider: {
        exists: (request, callback) => callback(null, this.#answers.has(request)),
        getManifestStream: stream,
        getSegmentStream: stream,
      },
    });
  }

  /** Sends the pieces as the body of a GET; headers other than the type are set already. */
  send({ request, response }: HttpExchange, pieces: readonly Buffer[]): void {
    this.#answers.set(request, pieces);
    delete request.headers['accept-encoding'];
    this.#inner.emit('request', request, response);
  }
}
