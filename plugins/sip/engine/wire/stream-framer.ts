import { ProtocolError } from 'wcs-core';
import { ByteQueue } from './byte-queue.ts';
import { HEAD_BYTES_MAX, MESSAGE_BYTES_MAX } from './limits.ts';
import { contentLength, findHeadEnd, parseSipMessage, type ParsedMessage } from './parse-message.ts';

/** What came out of a stream. */
export type Framed =
  | { readonly type: 'message'; readonly parsed: ParsedMessage; readonly bytes: Uint8Array }
  /** CRLF CRLF, which wants a CRLF. @see RFC 5626 section 4.4.1 */
  | { readonly type: 'ping' }
  /** CRLF, the answer to one of ours. */
  | { readonly type: 'pong' };

const CR = 13;
const LF = 10;
const PING_BYTES = 4;

/** Cuts a TCP stream into messages, however its bytes arrive. @see RFC 3261 section 18.3 */
export class StreamFramer {
  readonly #queue = new ByteQueue();
  /** How far the end of the head has been looked for. */
  #searched = 0;
  /** Length of the message at the front, once its head is there. */
  #messageBytes: number | undefined;
  /** Bytes of empty lines since the last message. */
  #emptyBytes = 0;
  /** A keep-alive of ours has no answer yet. */
  #pingIsOut = false;

  /** What has arrived and is no whole message yet: fed to another framer, it goes on from here. */
  get pending(): Uint8Array {
    return this.#queue.view.slice();
  }

  /** A keep-alive goes out: the next CRLF may be its answer, and no half of the peer's own. */
  expectPong(): void {
    this.#pingIsOut = true;
  }

  /**
   * Takes bytes and hands out every message that is whole.
   *
   * @throws ProtocolError when the stream cannot be followed any more: it must be closed
   */
  feed(chunk: Uint8Array, onFramed: (framed: Framed) => void): void {
    this.#queue.append(chunk);
    for (;;) {
      this.#skipEmptyLines(onFramed);
      this.#messageBytes ??= this.#measure();
      if (this.#messageBytes === undefined || this.#queue.length < this.#messageBytes) return;
      const bytes = this.#queue.take(this.#messageBytes);
      this.#searched = 0;
      this.#messageBytes = undefined;
      onFramed({ type: 'message', parsed: parseSipMessage(bytes), bytes });
    }
  }

  #skipEmptyLines(onFramed: (framed: Framed) => void): void {
    for (let view = this.#queue.view; startsEmpty(view); view = this.#queue.view) {
      // Two empty lines at once are the peer's own keep-alive.
      const isPong = this.#pingIsOut && this.#emptyBytes % PING_BYTES === 0 && !startsEmpty(view.subarray(2));
      this.#queue.skip(2);
      this.#searched = 0;
      if (isPong) {
        this.#pingIsOut = false;
        onFramed({ type: 'pong' });
        continue;
      }
      this.#emptyBytes += 2;
      if (this.#emptyBytes % PING_BYTES === 0) onFramed({ type: 'ping' });
    }
  }

  /** Length of the message at the front; undefined while its head is not whole. */
  #measure(): number | undefined {
    const { view } = this.#queue;
    const headEnd = findHeadEnd(view, this.#searched);
    if (headEnd === -1) {
      if (view.length > HEAD_BYTES_MAX) throw new ProtocolError(`No end of the header fields within ${HEAD_BYTES_MAX} bytes`);
      this.#searched = view.length;
      return undefined;
    }
    this.#emptyBytes = 0;
    const length = contentLength(parseSipMessage(view.subarray(0, headEnd)).message.headers);
    if (typeof length !== 'number') throw new ProtocolError('A message on a stream without a usable Content-Length');
    if (headEnd + length > MESSAGE_BYTES_MAX) throw new ProtocolError(`A message of more than ${MESSAGE_BYTES_MAX} bytes`);
    return headEnd + length;
  }
}

function startsEmpty(view: Uint8Array): boolean {
  return view.length >= 2 && view[0] === CR && view[1] === LF;
}
