import { ProtocolError } from '../../errors/wcs-error.ts';

/** Handshake messages. @see RFC 5246 section 7.4, RFC 6347 section 4.3.2 */
export const DTLS_HANDSHAKE = {
  clientHello: 1, serverHello: 2, helloVerifyRequest: 3, certificate: 11, serverKeyExchange: 12, certificateRequest: 13, serverHelloDone: 14,
  certificateVerify: 15, clientKeyExchange: 16, finished: 20,
} as const;

/** Type, length, message sequence, fragment offset, fragment length. */
export const DTLS_HANDSHAKE_HEADER_BYTES = 12;
/** A certificate chain of a browser has below 1 KB; a ClientHello with post-quantum shares below 3. */
export const DTLS_MESSAGE_MAX_BYTES = 16 * 1024;
/** Messages that may wait for an earlier one. */
export const DTLS_MESSAGES_AHEAD_MAX = 6;

/** One whole handshake message. */
export interface HandshakeMessage {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
  /** As if it had come in one fragment: what the transcript hash covers. @see RFC 6347 section 4.2.6 */
  readonly bytes: Buffer;
}

/** Gets each message; `repeated` when its number was given before. */
export type OnHandshakeMessage = (message: HandshakeMessage, repeated: boolean) => void;

interface Fragment {
  readonly type: number;
  readonly length: number;
  readonly sequence: number;
  readonly offset: number;
  readonly data: Buffer;
}

interface Partial {
  readonly type: number;
  readonly bytes: Buffer;
  /** Marks the bytes that have come. */
  readonly seen: Uint8Array;
  missing: number;
}

/** Puts fragments of handshake messages together again, in whatever order they come, and gives the messages in their own. @see RFC 6347 section 4.2.2 */
export class HandshakeReassembler {
  readonly #partials = new Map<number, Partial>();
  #next = 0;

  /**
   * Takes the body of one plain handshake record. Messages with the last sequence number that was given are repeated
   * once they are whole again, since a repeated ClientHello asks for a repeated answer; older ones are dropped.
   *
   * @throws ProtocolError when a fragment is malformed, too long or contradicts an earlier one
   */
  push(body: Buffer, onMessage: OnHandshakeMessage): void {
    for (let offset = 0; offset < body.length; ) {
      const fragment = fragmentAt(body, offset);
      offset += DTLS_HANDSHAKE_HEADER_BYTES + fragment.data.length;
      if (fragment.sequence < this.#next - 1 || fragment.sequence >= this.#next + DTLS_MESSAGES_AHEAD_MAX) continue;
      this.#add(fragment);
      this.#give(onMessage);
    }
  }

  #add(fragment: Fragment): void {
    const partial = this.#partials.get(fragment.sequence) ?? newPartial(fragment);
    if (partial.type !== fragment.type || partial.seen.length !== fragment.length) throw new ProtocolError('DTLS fragments of one message contradict each other.');
    this.#partials.set(fragment.sequence, partial);
    partial.bytes.set(fragment.data, DTLS_HANDSHAKE_HEADER_BYTES + fragment.offset);
    for (let at = fragment.offset; at < fragment.offset + fragment.data.length; at++) {
      if (partial.seen[at] === 0) partial.missing--;
      partial.seen[at] = 1;
    }
  }

  #give(onMessage: OnHandshakeMessage): void {
    for (let sequence = this.#next - 1; ; sequence++) {
      const partial = this.#partials.get(sequence);
      if (partial === undefined || partial.missing > 0) {
        if (sequence < this.#next) continue;
        return;
      }
      const repeated = sequence < this.#next;
      this.#partials.delete(sequence);
      this.#next = sequence + 1;
      onMessage({ type: partial.type, sequence, body: partial.bytes.subarray(DTLS_HANDSHAKE_HEADER_BYTES), bytes: partial.bytes }, repeated);
    }
  }
}

/** Reads the header and the data of one fragment. @see RFC 6347 section 4.2.2 */
function fragmentAt(body: Buffer, at: number): Fragment {
  if (body.length - at < DTLS_HANDSHAKE_HEADER_BYTES) throw new ProtocolError('A DTLS handshake header is cut short.', at);
  const length = body.readUIntBE(at + 1, 3);
  const offset = body.readUIntBE(at + 6, 3);
  const size = body.readUIntBE(at + 9, 3);
  const start = at + DTLS_HANDSHAKE_HEADER_BYTES;
  if (length > DTLS_MESSAGE_MAX_BYTES) throw new ProtocolError(`A DTLS handshake message of ${length} bytes.`, at);
  if (offset + size > length || start + size > body.length) throw new ProtocolError('A DTLS fragment reaches beyond its message.', at);
  return { type: body.readUInt8(at), length, sequence: body.readUInt16BE(at + 4), offset, data: body.subarray(start, start + size) };
}

function newPartial({ type, length, sequence }: Fragment): Partial {
  const bytes = Buffer.alloc(DTLS_HANDSHAKE_HEADER_BYTES + length);
  bytes.writeUInt8(type, 0);
  bytes.writeUIntBE(length, 1, 3);
  bytes.writeUInt16BE(sequence, 4);
  bytes.writeUIntBE(length, 9, 3);
  return { type, bytes, seen: new Uint8Array(length), missing: length };
}
