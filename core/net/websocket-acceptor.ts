import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { HttpExchange } from './http-exchange.ts';
import type { HttpHandler, HttpListenOptions, Owned } from './http-listener.ts';
import type { Owner } from './owner.ts';
import { WebSocketConnection } from './websocket-connection.ts';

/** Longest message of a peer, unless the lease asks otherwise. */
export const WEBSOCKET_MAX_PAYLOAD_BYTES = 256 * 1024;
/** Fragments of one message of a peer. */
export const WEBSOCKET_MAX_FRAGMENTS = 1024;
/** Chunks of the socket that wait for the rest of their frame. */
const MAX_BUFFERED_CHUNKS = 16 * 1024;
/** Unsent bytes beyond which a peer that doesn't read is cut off, unless the lease asks otherwise. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;

/** Gets each new WebSocket, its handshake done; sets its handler. */
export type OnWebSocket = (connection: WebSocketConnection) => void;

/** What `Listeners.websocket()` takes. The head of the handshake has the limits of an HTTP request. */
export interface WebSocketListenOptions extends Omit<HttpListenOptions, 'http2'> {
  /** Default `WEBSOCKET_MAX_PAYLOAD_BYTES`; a longer message closes the connection with 1009. */
  readonly maxPayloadBytes?: number;
  /** Default `WEBSOCKET_MAX_FRAGMENTS`; a message in more fragments closes the connection with 1008. */
  readonly maxFragments?: number;
  /** Unsent bytes beyond which a message of ours breaks the connection off; default 4 MiB. */
  readonly maxBacklogBytes?: number;
}

/**
 * Takes WebSockets out of an HTTP listener: any path, no extension. What is no handshake is answered: a plain request
 * with 426, a broken handshake with 400.
 *
 * @see RFC 6455 section 4.2
 */
export class WebSocketAcceptor implements HttpHandler {
  readonly #server: WebSocketServer;
  readonly #onWebSocket: OnWebSocket;
  readonly #maxBacklogBytes: number;

  constructor(options: WebSocketListenOptions, onWebSocket: OnWebSocket) {
    this.#onWebSocket = onWebSocket;
    this.#maxBacklogBytes = options.maxBacklogBytes ?? MAX_BACKLOG_BYTES;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      // Pongs are ours to limit.
      autoPong: false,
      maxPayload: options.maxPayloadBytes ?? WEBSOCKET_MAX_PAYLOAD_BYTES,
      maxFragments: options.maxFragments ?? WEBSOCKET_MAX_FRAGMENTS,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
    });
  }

  onRequest({ response }: HttpExchange): void {
    response.statusCode = 426;
    response.setHeader('Upgrade', 'websocket');
    response.setHeader('Connection', 'Upgrade, close');
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end('This port speaks WebSocket.\n');
  }

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, owner: Owner): Owned | undefined {
    let accepted: WebSocketConnection | undefined;
    this.#server.handleUpgrade(request, socket, head, (webSocket) => {
      accepted = new WebSocketConnection(webSocket, request, owner, this.#maxBacklogBytes);
    });
    if (accepted !== undefined) this.#onWebSocket(accepted);
    return accepted;
  }
}
