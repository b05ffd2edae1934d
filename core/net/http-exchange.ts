import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';

/** A request of HTTP/1.1 or HTTP/2; both are readable streams with `method`, `url` and `headers`. */
export type HttpRequest = IncomingMessage | Http2ServerRequest;
/** The answer to an `HttpRequest`. The declared overloads of `write` differ between the two, so that a call on either would not compile. */
export type HttpResponse = ServerResponse | (Omit<Http2ServerResponse, 'write'> & { write(chunk: string | Uint8Array): boolean });

/** Seconds that a client is asked to wait before it tries again. */
const RETRY_AFTER_S = 1;

/** One request and its answer, in the hands of one lease. */
export class HttpExchange {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly #hand: (exchange: HttpExchange) => void;
  #abort: AbortController | undefined;
  #over = false;
  #clientLeft = false;
  #onOver: (() => void)[] = [];

  /** @param hand gives a new exchange for the same request to whoever holds the listener now */
  constructor(request: HttpRequest, response: HttpResponse, hand: (exchange: HttpExchange) => void) {
    this.request = request;
    this.response = response;
    this.#hand = hand;
    response.once('close', this.#onClose);
  }

  /** Aborted when the client goes away before the answer is complete. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#clientLeft) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** True once the answer is complete, the client gone, or the request handed on. */
  get over(): boolean {
    return this.#over;
  }

  /** Calls back once when the exchange is over. */
  whenOver(callback: () => void): void {
    this.#onOver.push(callback);
  }

  /**
   * Hands the request to whoever holds the listener now, so that a held long-poll survives a swap of its plugin. Then
   * this exchange is over: the caller neither answers nor hears of the request again. False, and nothing happens, when a
   * byte of the answer or the head has gone out, the body was read from, or the exchange is over.
   */
  redispatch(): boolean {
    const { request, response } = this;
    if (this.#over || response.headersSent || response.writableEnded || request.readableDidRead) return false;
    // The kernel lets go of the old holder here: a held request must not keep the code of a retired generation alive.
    response.off('close', this.#onClose);
    this.#finish();
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = 200;
    this.#hand(new HttpExchange(request, response, this.#hand));
    return true;
  }

  /** Ends it for a handler that never will: 503 when nothing has been sent, else by breaking off. */
  abandon(): void {
    if (this.#over || this.response.writableEnded) return;
    if (this.response.headersSent) this.response.destroy();
    else this.#refuse();
  }

  /** After a fault in the handler: 500 when nothing has been sent, else by breaking off. */
  fail(): void {
    if (this.#over || this.response.writableEnded) return;
    if (this.response.headersSent) this.response.destroy();
    else endWith(this.response, 500, 'Internal Server Error');
  }

  #refuse(): void {
    this.response.setHeader('Retry-After', RETRY_AFTER_S);
    this.closeAfter();
    endWith(this.response, 503, 'Service Unavailable');
  }

  /** Asks that an HTTP/1 connection be closed after this answer; too late once the head has gone. */
  closeAfter(): void {
    // HTTP/2 forbids the field. @see RFC 9113 section 8.2.2
    if (this.request.httpVersionMajor < 2 && !this.response.headersSent) this.response.setHeader('Connection', 'close');
  }

  readonly #onClose = (): void => {
    this.#clientLeft = !isComplete(this.response);
    if (this.#clientLeft) this.#abort?.abort();
    this.#finish();
  };

  #finish(): void {
    this.#over = true;
    const callbacks = this.#onOver;
    this.#onOver = [];
    for (const callback of callbacks) callback();
  }
}

function isComplete(response: HttpResponse): boolean {
  // An HTTP/2 response tells 'finish' of a broken stream too; its reset code tells the truth.
  return 'stream' in response ? response.writableEnded && response.stream.rstCode === 0 : response.writableFinished;
}

function endWith(response: HttpResponse, status: number, text: string): void {
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.end(`${text}\n`);
}
