import { AMF0 } from './amf0-markers.ts';
import { Amf3Encoder, doubleBytes } from './amf3-encoder.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, isAmfArray, MAX_AMF_DEPTH, type AmfObject, type AmfValue } from './amf-value.ts';
import { ByteWriter } from './byte-writer.ts';

const utf8 = new TextEncoder();
const MAX_SHORT_STRING_BYTES = 0xffff;

/**
 * Encodes values one after the other as AMF0, as in the body of a command. References are never written, since many
 * peers can't read them; byte arrays, vectors and dictionaries, which AMF0 lacks, go behind the switch to AMF3.
 * @throws RangeError for a value that contains itself or nests too deep, or a name above 65,535 bytes
 * @see Action Message Format AMF 0, section 2
 */
export function encodeAmf0(values: readonly AmfValue[]): Uint8Array {
  const encoder = new Amf0Encoder();
  for (const value of values) encoder.value(value);
  return encoder.writer.toBytes();
}

class Amf0Encoder {
  readonly writer = new ByteWriter();
  readonly #amf3 = new Amf3Encoder(this.writer);
  #depth = 0;

  value(value: AmfValue): void {
    const writer = this.writer;
    if (value === null) writer.u8(AMF0.null);
    else if (value === undefined) writer.u8(AMF0.undefined);
    else if (typeof value === 'number') writer.u8(AMF0.number).put(doubleBytes(value));
    else if (typeof value === 'boolean') writer.u8(AMF0.boolean).u8(value ? 1 : 0);
    else if (typeof value === 'string') this.#string(value);
    else this.#object(value);
  }

  #object(value: object & AmfValue): void {
    const writer = this.writer;
    if (value instanceof Date) writer.u8(AMF0.date).put(doubleBytes(value.getTime())).u16(0);
    else if (value instanceof AmfXml) this.#long(AMF0.xml, utf8.encode(value.text));
    else if (value instanceof Uint8Array || value instanceof AmfVector || value instanceof AmfDictionary) {
      writer.u8(AMF0.amf3);
      this.#amf3.value(value);
    } else this.#container(value);
  }

  #container(value: readonly AmfValue[] | AmfEcmaArray | AmfTypedObject | AmfObject): void {
    const writer = this.writer;
    if (++this.#depth > MAX_AMF_DEPTH) throw new RangeError(`A value is nested deeper than ${MAX_AMF_DEPTH}`);
    if (isAmfArray(value)) {
      writer.u8(AMF0.strictArray).u32(value.length);
      for (const item of value) this.value(item);
    } else if (value instanceof AmfEcmaArray) {
      const entries: [string, AmfValue][] = [...Object.entries(value.properties), ...value.dense.map((item, i): [string, AmfValue] => [String(i), item])];
      writer.u8(AMF0.ecmaArray).u32(entries.length);
      this.#members(entries);
    } else if (value instanceof AmfTypedObject) {
      writer.u8(AMF0.typedObject);
      this.#name(value.className);
      this.#members(Object.entries(value.properties));
    } else {
      writer.u8(AMF0.object);
      this.#members(Object.entries(value));
    }
    this.#depth--;
  }

  #members(entries: readonly (readonly [string, AmfValue])[]): void {
    for (const [name, value] of entries) {
      this.#name(name);
      this.value(value);
    }
    this.writer.u16(0).u8(AMF0.objectEnd);
  }

  #string(text: string): void {
    const bytes = utf8.encode(text);
    if (bytes.length > MAX_SHORT_STRING_BYTES) this.#long(AMF0.longString, bytes);
    else this.writer.u8(AMF0.string).u16(bytes.length).put(bytes);
  }

  #long(marker: number, bytes: Uint8Array): void {
    this.writer.u8(marker).u32(bytes.length).put(bytes);
  }

  #name(name: string): void {
    const bytes = utf8.encode(name);
    this.writer.u16(bytes.length).put(bytes);
  }
}

