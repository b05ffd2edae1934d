import { createServer, ServerResponse, type IncomingMessage, type Server } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Certificates } from './certificates.ts';
import { pemOf, TLS_HANDSHAKE_TIMEOUT_MS } from './tcp-listener.ts';

/** Whole head of a request. */
export const HTTP_MAX_HEADER_BYTES = 16 * 1024;
/** The head must be there by then. */
export const HTTP_HEADERS_TIMEOUT_MS = 10_000;
/** The whole request, with its body, must be there by then. */
export const HTTP_REQUEST_TIMEOUT_MS = 300_000;
/** An idle HTTP/1 connection is kept this long for the next request. */
const KEEP_ALIVE_MS = 20_000;
/** An HTTP/2 session without any frame is closed. */
export const HTTP2_IDLE_MS = 120_000;
/** Requests at once on one HTTP/2 connection. */
const HTTP2_MAX_STREAMS = 128;
/** How often slow clients are looked for (HTTP/2 servers use the fixed 30 s of Node). */
const CHECK_INTERVAL_MS = 2_000;

/** Any of the three kinds of server. */
export type AnyHttpServer = Server | HttpsServer | Http2SecureServer;

/** What is fixed when the server is made. */
export interface HttpServerShape {
  readonly http2: boolean;
  readonly maxHeaderBytes: number;
}

/** Makes a server, not yet listening: plain HTTP/1.1, HTTPS, or HTTP/2 with HTTP/1.1 by ALPN. */
export function makeHttpServer(shape: HttpServerShape, certificates: Certificates | undefined): AnyHttpServer {
  const common = { noDelay: true, keepAlive: true, keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: shape.maxHeaderBytes, connectionsCheckingInterval: CHECK_INTERVAL_MS };
  if (certificates === undefined) return createServer(common);
  const tls = { ...pemOf(certificates), handshakeTimeout: TLS_HANDSHAKE_TIMEOUT_MS };
  if (!shape.http2) return createHttpsServer({ ...common, ...tls });
  const settings = { maxConcurrentStreams: HTTP2_MAX_STREAMS, maxHeaderListSize: shape.maxHeaderBytes };
  const server = createSecureServer({ ...tls, allowHTTP1: true, settings });
  server.on('session', (session) => {
    session.setTimeout(HTTP2_IDLE_MS, () => session.close());
  });
  // Its HTTP/1 side reads these from the server object; Node takes no options for them.
  return Object.assign(server, { keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: shape.maxHeaderBytes });
}

/** Sets the limits that can change while the server runs. */
export function applyTimeouts(server: AnyHttpServer, limits: { headersTimeoutMs: number; requestTimeoutMs: number; maxConnections: number }): void {
  server.maxConnections = limits.maxConnections;
  Object.assign(server, { headersTimeout: limits.headersTimeoutMs, requestTimeout: limits.requestTimeoutMs });
}

/** Answers what is no HTTP, too long or too slow, and closes; in the middle of an answer it only closes. */
export function answerClientError(error: Error, socket: Duplex, answering: boolean): void {
  const code = 'code' in error ? error.code : undefined;
  if (answering || !socket.writable || code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = statusOfClientError(code);
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy());
}

function statusOfClientError(code: unknown): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  return '400 Bad Request';
}

/** A response for a request whose upgrade we ignore, as a server may. @see RFC 9110 section 7.8 */
export function responseInsteadOfUpgrade(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.on('finish', () => socket.end());
  // The HTTP parser has let go of the connection, which is a socket of the server all the same.
  response.assignSocket(request.socket);
  return response;
}
