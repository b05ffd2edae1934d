import { ProtocolError } from 'wcs-core';

const LENGTH_BYTES = 2;
/** A frame that no packet of ours or of a browser reaches; a longer one ends the connection. */
export const FRAME_MAX_BYTES = 8192;

/** Puts a packet into a frame of its own memory. @see RFC 4571 section 2 */
export function frame4571(packet: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + packet.byteLength);
  frame.writeUInt16BE(packet.byteLength, 0);
  frame.set(packet, LENGTH_BYTES);
  return frame;
}

/** Cuts a byte stream into the packets that it frames. @see RFC 4571 section 2 */
export class FrameReader4571 {
  #unread: Buffer;

  /** @param unread bytes of an unfinished frame, when a stream is continued */
  constructor(unread: Uint8Array = new Uint8Array(0)) {
    this.#unread = Buffer.from(unread);
  }

  /** Bytes of the frame that is not complete yet; fewer than a frame's greatest size. */
  get unread(): Uint8Array {
    return this.#unread;
  }

  /**
   * Takes the next bytes of the stream and gives the packets that are complete with them; empty frames are left out.
   * Stops early when `onPacket` answers false: the rest is dropped.
   *
   * @throws ProtocolError when a frame is longer than `FRAME_MAX_BYTES`
   */
  push(chunk: Buffer, onPacket: (packet: Buffer) => boolean): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let offset = 0;
    while (bytes.length - offset >= LENGTH_BYTES) {
      const length = bytes.readUInt16BE(offset);
      if (length > FRAME_MAX_BYTES) throw new ProtocolError(`A frame of ${length} bytes; at most ${FRAME_MAX_BYTES} are allowed.`, offset);
      const end = offset + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      const packet = bytes.subarray(offset + LENGTH_BYTES, end);
      offset = end;
      if (length > 0 && !onPacket(packet)) {
        offset = bytes.length;
        break;
      }
    }
    // A copy: a view would keep the whole chunk alive for a few bytes.
    this.#unread = Buffer.from(bytes.subarray(offset));
  }
}
