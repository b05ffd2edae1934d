import { ProtocolError } from '../errors/wcs-error.ts';
import { AmfBudget, AmfReferences, checkCount, openObject, readDouble, readUtf8, setMember, takeBounded, type OpenAmfObject } from './amf-budget.ts';
import { AMF3, AMF3_WRAPPERS } from './amf3-markers.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, type AmfValue, type AmfVectorKind } from './amf-value.ts';
import { ByteCursor } from './byte-reader.ts';

/**
 * Decodes all AMF3 values of a byte array; they share one set of reference tables. Byte arrays share memory with `bytes`.
 * @throws ProtocolError with the offset of what is cut, unknown, externalizable or above a limit
 * @see Action Message Format AMF 3, sections 3 and 4.1
 */
export function decodeAmf3(bytes: Uint8Array): AmfValue[] {
  const cursor = new ByteCursor(bytes);
  const decoder = new Amf3Decoder(cursor, new AmfBudget());
  const values: AmfValue[] = [];
  while (cursor.remaining > 0) values.push(decoder.value());
  return values;
}

interface Traits {
  readonly className: string;
  readonly names: readonly string[];
  readonly dynamic: boolean;
  readonly externalizable: boolean;
}

/** Reads AMF3 values from a cursor with tables that last as long as the decoder. */
export class Amf3Decoder {
  readonly #cursor: ByteCursor;
  readonly #budget: AmfBudget;
  readonly #objects: AmfReferences;
  readonly #strings: string[] = [];
  readonly #traits: Traits[] = [];

  constructor(cursor: ByteCursor, budget: AmfBudget) {
    this.#cursor = cursor;
    this.#budget = budget;
    this.#objects = new AmfReferences(budget);
  }

  /** Reads one value with its marker. */
  value(): AmfValue {
    const at = this.#cursor.position;
    const marker = this.#cursor.u8();
    this.#budget.spend(1, at);
    switch (marker) {
      case AMF3.undefined:
        return undefined;
      case AMF3.null:
        return null;
      case AMF3.false:
        return false;
      case AMF3.true:
        return true;
      case AMF3.integer:
        return (this.#u29() << 3) >> 3;
      case AMF3.double:
        return readDouble(this.#cursor);
      case AMF3.string:
        return this.#string();
      default:
        return this.#referable(marker, at);
    }
  }

  /** Everything that has a place in the object table starts with a U29 whose low bit tells a value from a reference. */
  #referable(marker: number, at: number): AmfValue {
    if (marker > AMF3.dictionary) throw new ProtocolError(`AMF3: type marker ${marker} is not supported`, at);
    const head = this.#u29();
    if ((head & 1) === 0) return this.#objects.resolve(head >> 1, at);
    return this.#objects.keep(at, () => this.#body(marker, head >> 1));
  }

  #body(marker: number, rest: number): AmfValue {
    const cursor = this.#cursor;
    switch (marker) {
      case AMF3.xmlDocument:
        return new AmfXml(readUtf8(cursor, rest), true);
      case AMF3.xml:
        return new AmfXml(readUtf8(cursor, rest), false);
      case AMF3.date:
        return new Date(readDouble(cursor));
      case AMF3.byteArray:
        return takeBounded(cursor, rest);
      case AMF3.array:
        return this.#array(rest);
      case AMF3.object:
        return this.#object(rest);
      case AMF3.vectorInt:
        return this.#vector('int', rest, 4, () => cursor.i32());
      case AMF3.vectorUint:
        return this.#vector('uint', rest, 4, () => cursor.u32());
      case AMF3.vectorDouble:
        return this.#vector('double', rest, 8, () => readDouble(cursor));
      case AMF3.vectorObject:
        return this.#vector('object', rest, 1, () => this.value());
      default:
        return this.#dictionary(rest);
    }
  }

  #array(count: number): AmfValue {
    const properties = openObject();
    const named = this.#dynamicMembers(properties);
    checkCount(this.#cursor, count, 1);
    const dense: AmfValue[] = [];
    for (let i = 0; i < count; i++) dense.push(this.value());
    return named === 0 ? dense : new AmfEcmaArray(properties, dense);
  }

  #object(head: number): AmfValue {
    const at = this.#cursor.position;
    const traits = this.#readTraits(head, at);
    if (traits.externalizable) {
      if (AMF3_WRAPPERS.has(traits.className)) return this.value();
      throw new ProtocolError('AMF3: an externalizable class whose format is unknown', at);
    }
    const properties = openObject();
    for (const name of traits.names) setMember(properties, name, this.value(), this.#cursor.position);
    if (traits.dynamic) this.#dynamicMembers(properties);
    return traits.className === '' ? properties : new AmfTypedObject(traits.className, properties);
  }

  /** `head` is U29O-traits without its object bit: a bit for inline, then one for externalizable, then one for dynamic. */
  #readTraits(head: number, at: number): Traits {
    if ((head & 1) === 0) {
      const known = this.#traits[head >> 1];
      if (known === undefined) throw new ProtocolError(`AMF3: traits reference ${head >> 1} to nothing`, at);
      return known;
    }
    const externalizable = (head & 2) !== 0;
    const className = this.#string();
    const count = externalizable ? 0 : checkCount(this.#cursor, head >> 3, 1);
    this.#budget.spend(count, at);
    const names: string[] = [];
    for (let i = 0; i < count; i++) names.push(this.#string());
    const traits: Traits = { className, names, dynamic: (head & 4) !== 0, externalizable };
    this.#traits.push(traits);
    return traits;
  }

  /** Reads names and values up to the empty name; answers how many there were. */
  #dynamicMembers(into: OpenAmfObject): number {
    for (let count = 0; ; count++) {
      const at = this.#cursor.position;
      const name = this.#string();
      if (name === '') return count;
      setMember(into, name, this.value(), at);
    }
  }

  #vector(kind: AmfVectorKind, count: number, bytesEach: number, read: () => AmfValue): AmfVector {
    const fixed = this.#cursor.u8() !== 0;
    const typeName = kind === 'object' ? this.#string() : '';
    checkCount(this.#cursor, count, bytesEach);
    if (kind !== 'object') this.#budget.spend(count, this.#cursor.position);
    const items: AmfValue[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return new AmfVector(kind, items, fixed, typeName);
  }

  #dictionary(count: number): AmfDictionary {
    const weakKeys = this.#cursor.u8() !== 0;
    checkCount(this.#cursor, count, 2);
    const entries: [AmfValue, AmfValue][] = [];
    for (let i = 0; i < count; i++) entries.push([this.value(), this.value()]);
    return new AmfDictionary(entries, weakKeys);
  }

  #string(): string {
    const at = this.#cursor.position;
    const head = this.#u29();
    if ((head & 1) === 0) {
      const known = this.#strings[head >> 1];
      if (known === undefined) throw new ProtocolError(`AMF3: string reference ${head >> 1} to nothing`, at);
      return known;
    }
    // The empty string is never sent by reference (AMF3 section 1.3.2).
    if (head === 1) return '';
    const text = readUtf8(this.#cursor, head >> 1);
    this.#strings.push(text);
    return text;
  }

  /** Seven bits a byte, high bit set where another follows; the fourth byte has eight. @see AMF3 section 1.3.1 */
  #u29(): number {
    let value = 0;
    for (let i = 0; i < 3; i++) {
      const byte = this.#cursor.u8();
      value = (value << 7) | (byte & 0x7f);
      if (byte < 0x80) return value;
    }
    return (value << 8) | this.#cursor.u8();
  }
}
