import { ProtocolError } from 'wcs-core';
import { NEED_MORE, type NeedMore } from 'wcs-core/formats/need-more';
import { bodyLengthOf, findHeadEnd, parseHead, type MessageHead } from './head.ts';
import { MAX_HEAD_BYTES } from './limits.ts';
import type { InterleavedFrame, RtspMessage } from './message.ts';

const DOLLAR = 0x24;
const FRAME_HEAD_BYTES = 4;
const EMPTY = new Uint8Array(0);

/** A head that waits for the rest of its body. */
interface WaitingHead {
  readonly head: MessageHead;
  readonly headBytes: number;
}

/**
 * Cuts the byte stream of a connection into requests, responses and interleaved frames. Feed what has arrived, then
 * take messages until `NEED_MORE`. Knows nothing but the bytes not yet used (`unread`): a reader that is made with
 * these goes on where another left off, in the middle of a message.
 *
 * @see RFC 2326 sections 4 to 7 and 10.12
 */
export class RtspReader {
  /** Bytes from `#offset` on are unread; those of `#waiting` follow them. */
  #bytes: Uint8Array;
  #offset = 0;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  /** No message can be had with fewer unread bytes. */
  #neededBytes = 1;
  /** Unread bytes in which the end of the head was searched in vain. */
  #searchedBytes = 0;
  #head: WaitingHead | undefined;

  /** @param unread what another reader had not used yet */
  constructor(unread: Uint8Array = EMPTY) {
    this.#bytes = copyOf(unread);
  }

  /** The bytes of the message that is not complete yet, in memory of their own. */
  get unread(): Uint8Array {
    this.#join();
    return copyOf(this.#bytes.subarray(this.#offset));
  }

  /** Takes the next bytes of the stream; frames share their memory. */
  feed(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#waitingBytes += chunk.length;
  }

  /**
   * The next message.
   *
   * @throws ProtocolError when the peer breaks the protocol or a limit; the reader is of no use afterwards
   */
  next(): RtspMessage | NeedMore {
    if (this.#unreadBytes < this.#neededBytes) return this.#needMore();
    this.#join();
    if (this.#head === undefined) this.#skipEmptyLines();
    if (this.#unreadBytes === 0) return this.#needMore();
    return this.#bytes[this.#offset] === DOLLAR ? this.#frame() : this.#textMessage();
  }

  get #unreadBytes(): number {
    return this.#bytes.length - this.#offset + this.#waitingBytes;
  }

  #frame(): InterleavedFrame | NeedMore {
    if (this.#unreadBytes < FRAME_HEAD_BYTES) return this.#need(FRAME_HEAD_BYTES);
    const at = this.#offset;
    const length = ((this.#bytes[at + 2] ?? 0) << 8) | (this.#bytes[at + 3] ?? 0);
    if (this.#unreadBytes < FRAME_HEAD_BYTES + length) return this.#need(FRAME_HEAD_BYTES + length);
    const data = this.#bytes.subarray(at + FRAME_HEAD_BYTES, at + FRAME_HEAD_BYTES + length);
    this.#advance(FRAME_HEAD_BYTES + length);
    return { type: 'interleaved', channel: this.#bytes[at + 1] ?? 0, data };
  }

  #textMessage(): RtspMessage | NeedMore {
    this.#head ??= this.#readHead();
    if (this.#head === undefined) return this.#need(this.#unreadBytes + 1);
    const { head, headBytes } = this.#head;
    const totalBytes = headBytes + bodyLengthOf(head);
    if (this.#unreadBytes < totalBytes) return this.#need(totalBytes);
    const body = copyOf(this.#bytes.subarray(this.#offset + headBytes, this.#offset + totalBytes));
    this.#advance(totalBytes);
    return { ...head, body };
  }

  #readHead(): WaitingHead | undefined {
    const first = this.#bytes[this.#offset] ?? 0;
    // Every message begins with a token: binary garbage is not worth waiting for its end of line.
    if (first <= 0x20 || first >= 0x7f) throw new ProtocolError('RTSP: neither a message nor an interleaved frame begins here');
    const { end, resume } = findHeadEnd(this.#bytes, this.#offset + this.#searchedBytes);
    const headBytes = (end ?? this.#bytes.length) - this.#offset;
    if (headBytes > MAX_HEAD_BYTES) throw new ProtocolError(`RTSP: the head of a message is longer than ${MAX_HEAD_BYTES} bytes`);
    this.#searchedBytes = resume - this.#offset;
    return end === undefined ? undefined : { head: parseHead(this.#bytes.subarray(this.#offset, end)), headBytes };
  }

  /** @see RFC 2326 section 4.1: empty lines before a message are ignored */
  #skipEmptyLines(): void {
    for (let byte = this.#bytes[this.#offset]; byte === 0x0d || byte === 0x0a; byte = this.#bytes[this.#offset]) this.#offset += 1;
  }

  #advance(bytes: number): void {
    this.#offset += bytes;
    this.#neededBytes = 1;
    this.#searchedBytes = 0;
    this.#head = undefined;
  }

  #need(bytes: number): NeedMore {
    this.#neededBytes = bytes;
    return this.#needMore();
  }

  /** Lets go of what is used: a few unread bytes must not keep a whole chunk alive. */
  #needMore(): NeedMore {
    if (this.#offset > 0) {
      this.#bytes = copyOf(this.#bytes.subarray(this.#offset));
      this.#offset = 0;
    }
    return NEED_MORE;
  }

  #join(): void {
    if (this.#waitingBytes === 0) return;
    const rest = this.#bytes.length - this.#offset;
    const [first = EMPTY] = this.#waiting;
    if (rest === 0 && this.#waiting.length === 1) {
      this.#bytes = first;
    } else {
      const joined = new Uint8Array(rest + this.#waitingBytes);
      joined.set(this.#bytes.subarray(this.#offset));
      let at = rest;
      for (const chunk of this.#waiting) {
        joined.set(chunk, at);
        at += chunk.length;
      }
      this.#bytes = joined;
    }
    this.#offset = 0;
    this.#waiting = [];
    this.#waitingBytes = 0;
  }
}

/** Not `slice()`, which on a Buffer shares the memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
