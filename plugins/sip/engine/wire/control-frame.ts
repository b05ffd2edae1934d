import { ProtocolError } from 'wcs-core';
import { ByteQueue } from './byte-queue.ts';

/** The longest payload that is read: five digits, as in drachtio-server. */
export const FRAME_BYTES_MAX = 99_999;
const LENGTH_DIGITS_MAX = 5;
/** Digits of a length that may be skipped. */
const SKIPPED_DIGITS_MAX = 8;
const HASH = 35;
const ZERO = 48;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const encoder = new TextEncoder();

/** A message of drachtio's control protocol: `uuid|kind|field…`, and for SIP CRLF and the message. */
export interface ControlMessage {
  readonly id: string;
  readonly kind: string;
  readonly fields: readonly string[];
  /** What follows the first line; empty when nothing does. */
  readonly payload: string;
}

/** `LENGTH#PAYLOAD`, the length in bytes. */
export function encodeControlMessage({ id, kind, fields, payload }: ControlMessage): Uint8Array {
  const line = [id, kind, ...fields.map((field) => field.replace(/[|\r\n]/g, ' '))].join('|');
  const body = encoder.encode(payload === '' ? line : `${line}\r\n${payload}`);
  const length = encoder.encode(`${body.length}#`);
  const frame = new Uint8Array(length.length + body.length);
  frame.set(length);
  frame.set(body, length.length);
  return frame;
}

/** A stream that has been read in part, as plain data. */
export interface ControlFramerState {
  readonly pending: Uint8Array;
  readonly skips: number;
}

/** Cuts a stream into control messages, however its bytes arrive. */
export class ControlFramer {
  readonly #queue = new ByteQueue();
  readonly #onTooLong: (() => void) | undefined;
  readonly #digitsMax: number;
  /** Bytes left of a message that is too long. */
  #skips = 0;

  /** @param onTooLong told of each message beyond `FRAME_BYTES_MAX`, which is skipped; undefined: it is a bad length */
  constructor(onTooLong?: () => void) {
    this.#onTooLong = onTooLong;
    this.#digitsMax = onTooLong === undefined ? LENGTH_DIGITS_MAX : SKIPPED_DIGITS_MAX;
  }

  exportState(): ControlFramerState {
    return { pending: this.#queue.view.slice(), skips: this.#skips };
  }

  importState({ pending, skips }: ControlFramerState): void {
    this.#queue.append(pending);
    this.#skips = skips;
  }

  /** @throws ProtocolError on a bad length: the peer must be dropped */
  feed(chunk: Uint8Array, onMessage: (message: ControlMessage) => void): void {
    this.#queue.append(chunk);
    for (;;) {
      const skipped = Math.min(this.#skips, this.#queue.length);
      this.#queue.skip(skipped);
      this.#skips -= skipped;
      const { view } = this.#queue;
      const hash = view.subarray(0, this.#digitsMax + 1).indexOf(HASH);
      if (this.#skips > 0 || (hash === -1 && view.length <= this.#digitsMax)) return;
      const length = parseLength(view.subarray(0, Math.max(hash, 0)));
      if (length > FRAME_BYTES_MAX) {
        this.#queue.skip(hash + 1);
        this.#skips = length;
        this.#onTooLong?.();
        continue;
      }
      const end = hash + 1 + length;
      if (view.length < end) return;
      const payload = decoder.decode(this.#queue.take(end).subarray(hash + 1));
      onMessage(parseControlMessage(payload));
    }
  }
}

function parseLength(digits: Uint8Array): number {
  let length = 0;
  for (const digit of digits) length = digit >= ZERO && digit <= ZERO + 9 ? length * 10 + digit - ZERO : Number.NaN;
  if (!(length >= 1)) throw new ProtocolError('A control message without a length');
  return length;
}

function parseControlMessage(text: string): ControlMessage {
  const end = text.indexOf('\r\n');
  const [id = '', kind = '', ...fields] = (end === -1 ? text : text.slice(0, end)).split('|');
  return { id, kind, fields, payload: end === -1 ? '' : text.slice(end + 2) };
}
