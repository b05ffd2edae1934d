import { AMF3 } from './amf3-markers.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, isAmfArray, MAX_AMF_DEPTH, type AmfObject, type AmfValue, type AmfVectorKind } from './amf-value.ts';
import { ByteWriter } from './byte-writer.ts';

const utf8 = new TextEncoder();
const MAX_U29 = 0x1fff_ffff;
const MIN_INTEGER = -0x1000_0000;
const MAX_INTEGER = 0x0fff_ffff;
/** Inline traits of a dynamic class without sealed members: object, inline, not externalizable, dynamic. */
const DYNAMIC_TRAITS = 0b1011;

const VECTOR_MARKERS: Readonly<Record<AmfVectorKind, number>> = {
  int: AMF3.vectorInt,
  uint: AMF3.vectorUint,
  double: AMF3.vectorDouble,
  object: AMF3.vectorObject,
};

/**
 * Encodes values one after the other as AMF3 with one set of reference tables; repeated strings, objects and traits become references.
 * A member with an empty name is left out, since that name ends the members.
 * @throws RangeError for a value that nests too deep or is larger than a U29 can tell
 * @see Action Message Format AMF 3, section 3
 */
export function encodeAmf3(values: readonly AmfValue[]): Uint8Array {
  const writer = new ByteWriter();
  const encoder = new Amf3Encoder(writer);
  for (const value of values) encoder.value(value);
  return writer.toBytes();
}

/** Writes AMF3 values to a writer with tables that last as long as the encoder. */
export class Amf3Encoder {
  readonly #writer: ByteWriter;
  readonly #strings = new Map<string, number>();
  readonly #objects = new Map<object, number>();
  readonly #traits = new Map<string, number>();
  #depth = 0;

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  /** Writes one value with its marker. */
  value(value: AmfValue): void {
    const writer = this.#writer;
    if (value === undefined) writer.u8(AMF3.undefined);
    else if (value === null) writer.u8(AMF3.null);
    else if (typeof value === 'boolean') writer.u8(value ? AMF3.true : AMF3.false);
    else if (typeof value === 'number') this.#number(value);
    else if (typeof value === 'string') {
      writer.u8(AMF3.string);
      this.#string(value);
    } else this.#object(value);
  }

  #number(value: number): void {
    // Integers have no negative zero.
    if (Number.isInteger(value) && value >= MIN_INTEGER && value <= MAX_INTEGER && !Object.is(value, -0)) {
      this.#writer.u8(AMF3.integer);
      this.#u29(value & MAX_U29);
    } else this.#writer.u8(AMF3.double).put(doubleBytes(value));
  }

  #object(value: object & AmfValue): void {
    if (++this.#depth > MAX_AMF_DEPTH) throw new RangeError(`A value is nested deeper than ${MAX_AMF_DEPTH}`);
    const writer = this.#writer;
    if (value instanceof Date) {
      if (this.#head(AMF3.date, value, 0)) writer.put(doubleBytes(value.getTime()));
    } else if (value instanceof AmfXml) {
      const text = utf8.encode(value.text);
      if (this.#head(value.document ? AMF3.xmlDocument : AMF3.xml, value, text.length)) writer.put(text);
    } else if (value instanceof Uint8Array) {
      if (this.#head(AMF3.byteArray, value, value.length)) writer.put(value);
    } else if (value instanceof AmfVector) this.#vector(value);
    else if (value instanceof AmfDictionary) this.#dictionary(value);
    else if (value instanceof AmfEcmaArray) this.#array(value, value.properties, value.dense);
    else if (isAmfArray(value)) this.#array(value, {}, value);
    else if (value instanceof AmfTypedObject) this.#members(value, value.className, value.properties);
    else this.#members(value, '', value);
    this.#depth--;
  }

  /** Writes marker and reference, and answers false, or marker and head of a value that comes for the first time. */
  #head(marker: number, value: object, rest: number): boolean {
    this.#writer.u8(marker);
    const known = this.#objects.get(value);
    if (known !== undefined) {
      this.#u29(known << 1);
      return false;
    }
    this.#objects.set(value, this.#objects.size);
    this.#u29(rest * 2 + 1);
    return true;
  }

  #array(value: object, properties: AmfObject, dense: readonly AmfValue[]): void {
    if (!this.#head(AMF3.array, value, dense.length)) return;
    this.#dynamicMembers(properties);
    for (const item of dense) this.value(item);
  }

  #members(value: object, className: string, properties: AmfObject): void {
    const traits = this.#traits.get(className);
    // The head of an object holds its traits above the object bit.
    if (!this.#head(AMF3.object, value, traits === undefined ? DYNAMIC_TRAITS >> 1 : traits << 1)) return;
    if (traits === undefined) {
      this.#traits.set(className, this.#traits.size);
      this.#string(className);
    }
    this.#dynamicMembers(properties);
  }

  #dynamicMembers(properties: AmfObject): void {
    for (const [name, value] of Object.entries(properties)) {
      // An empty name would end the members: AMF3 can't carry it.
      if (name === '') continue;
      this.#string(name);
      this.value(value);
    }
    this.#string('');
  }

  #vector(vector: AmfVector): void {
    if (!this.#head(VECTOR_MARKERS[vector.kind], vector, vector.items.length)) return;
    this.#writer.u8(vector.fixed ? 1 : 0);
    if (vector.kind === 'object') this.#string(vector.typeName);
    for (const item of vector.items) this.#item(vector.kind, item);
  }

  #item(kind: AmfVectorKind, item: AmfValue): void {
    if (kind === 'object') { this.value(item); return; }
    if (typeof item !== 'number') throw new RangeError(`A vector of ${kind} holds something else`);
    if (kind === 'int') this.#writer.i32(item);
    else if (kind === 'uint') this.#writer.u32(item);
    else this.#writer.put(doubleBytes(item));
  }

  #dictionary(dictionary: AmfDictionary): void {
    if (!this.#head(AMF3.dictionary, dictionary, dictionary.entries.length)) return;
    this.#writer.u8(dictionary.weakKeys ? 1 : 0);
    for (const [key, value] of dictionary.entries) {
      this.value(key);
      this.value(value);
    }
  }

  #string(text: string): void {
    const known = this.#strings.get(text);
    if (known !== undefined) { this.#u29(known << 1); return; }
    const bytes = utf8.encode(text);
    if (bytes.length > 0) this.#strings.set(text, this.#strings.size);
    this.#u29(bytes.length * 2 + 1);
    this.#writer.put(bytes);
  }

  #u29(value: number): void {
    const writer = this.#writer;
    if (value > MAX_U29) throw new RangeError(`${value} does not fit in 29 bits`);
    if (value >= 0x20_0000) {
      writer.u8((value >>> 22) | 0x80).u8(((value >>> 15) & 0x7f) | 0x80).u8(((value >>> 8) & 0x7f) | 0x80).u8(value & 0xff);
      return;
    }
    if (value >= 0x4000) writer.u8((value >>> 14) | 0x80);
    if (value >= 0x80) writer.u8(((value >>> 7) & 0x7f) | 0x80);
    writer.u8(value & 0x7f);
  }
}

/** The eight bytes of a big-endian IEEE 754 double. */
export function doubleBytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return bytes;
}
