import { ByteWriter } from './byte-writer.ts';
import { MATROSKA_ID, type MatroskaId } from './matroska-ids.ts';

/** Largest size that a size field of one byte holds: all ones mean that the size is unknown. */
const ONE_BYTE_SIZE_MAX = 0x7e;
/** Longest size field, and the value in it that stands for an unknown size. @see RFC 8794 section 6.2 */
const LONG_SIZE_BYTES = 8;
const LONG_SIZE_MARKER = 0x01;

/** Bytes of the shortest size field for a content of `size` bytes. @see RFC 8794 section 6 */
export function sizeFieldBytes(size: number): number {
  let bytes = 1;
  while (size > 2 ** (7 * bytes) - 2) bytes++;
  return bytes;
}

/** Bytes of an element id. */
export function idBytes(id: MatroskaId): number {
  return id > 0xff_ffff ? 4 : id > 0xffff ? 3 : id > 0xff ? 2 : 1;
}

/** Appends EBML elements to a `ByteWriter`. @see RFC 8794 */
export class EbmlWriter {
  readonly bytes: ByteWriter;

  constructor(capacityBytes = 1024) {
    this.bytes = new ByteWriter(capacityBytes);
  }

  /** An element whose content is what `body` writes. */
  master(id: MatroskaId, body: (content: EbmlWriter) => void): this {
    const content = new EbmlWriter();
    body(content);
    return this.binary(id, content.bytes.view());
  }

  /** An unsigned number in as few bytes as it takes, or in `width` bytes. */
  uint(id: MatroskaId, value: number, width = uintBytes(value)): this {
    this.#head(id, width);
    for (let byte = width - 1; byte >= 0; byte--) this.bytes.u8(Math.floor(value / 2 ** (8 * byte)) % 0x100);
    return this;
  }

  /** A number of eight bytes in floating point. */
  float(id: MatroskaId, value: number): this {
    const content = new DataView(new ArrayBuffer(8));
    content.setFloat64(0, value);
    return this.binary(id, new Uint8Array(content.buffer));
  }

  /** Text in UTF-8. */
  text(id: MatroskaId, value: string): this {
    return this.binary(id, Buffer.from(value, 'utf8'));
  }

  binary(id: MatroskaId, content: Uint8Array): this {
    this.#head(id, content.length);
    this.bytes.put(content);
    return this;
  }

  /** The head of an element that goes on to the end of the file, or to a size told later in the same eight bytes. */
  open(id: MatroskaId, size?: number): this {
    this.#id(id);
    this.bytes.u8(LONG_SIZE_MARKER);
    if (size === undefined) for (let byte = 1; byte < LONG_SIZE_BYTES; byte++) this.bytes.u8(0xff);
    else this.bytes.u24(Math.floor(size / 2 ** 32)).u32(size % 2 ** 32);
    return this;
  }

  /**
   * Fills `size` bytes with an element that readers pass over.
   *
   * @throws RangeError for a single byte, in which there is no room for one
   */
  void(size: number): this {
    if (size === 0) return this;
    if (size < 2) throw new RangeError('A void element takes two bytes at least');
    if (size - 2 <= ONE_BYTE_SIZE_MAX) {
      this.bytes.u8(MATROSKA_ID.void).u8(0x80 | (size - 2)).zeros(size - 2);
      return this;
    }
    this.open(MATROSKA_ID.void, size - 1 - LONG_SIZE_BYTES);
    this.bytes.zeros(size - 1 - LONG_SIZE_BYTES);
    return this;
  }

  #head(id: MatroskaId, size: number): void {
    this.#id(id);
    const width = sizeFieldBytes(size);
    for (let byte = width - 1; byte >= 0; byte--) {
      const marker = byte === width - 1 ? 0x80 >> (width - 1) : 0;
      this.bytes.u8((Math.floor(size / 2 ** (8 * byte)) % 0x100) | marker);
    }
  }

  #id(id: MatroskaId): void {
    for (let byte = idBytes(id) - 1; byte >= 0; byte--) this.bytes.u8((id >>> (8 * byte)) & 0xff);
  }
}

function uintBytes(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${value} is no unsigned whole number`);
  let bytes = 1;
  while (value >= 2 ** (8 * bytes)) bytes++;
  return bytes;
}
