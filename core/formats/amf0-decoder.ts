import { ProtocolError } from '../errors/wcs-error.ts';
import { AmfBudget, AmfReferences, checkCount, openObject, readDouble, readUtf8, setMember } from './amf-budget.ts';
import { AMF0 } from './amf0-markers.ts';
import { Amf3Decoder } from './amf3-decoder.ts';
import { AmfEcmaArray, AmfTypedObject, AmfXml, type AmfObject, type AmfValue } from './amf-value.ts';
import { ByteCursor } from './byte-reader.ts';

/**
 * Decodes all AMF0 values of a message body (a command, its transaction id, its arguments), those after an AMF3 switch
 * included. Byte arrays share memory with `bytes`. @throws ProtocolError with the offset of what is cut, unknown or above a limit
 * @see Action Message Format AMF 0, section 2
 */
export function decodeAmf0(bytes: Uint8Array): AmfValue[] {
  const decoder = new Amf0Decoder(new ByteCursor(bytes));
  const values: AmfValue[] = [];
  while (decoder.remaining > 0) values.push(decoder.value());
  return values;
}

class Amf0Decoder {
  readonly #cursor: ByteCursor;
  readonly #budget = new AmfBudget();
  readonly #references = new AmfReferences(this.#budget);
  // One for the message: Flash's AMF3 tables live as long as the message, not as one switched value.
  readonly #amf3: Amf3Decoder;

  constructor(cursor: ByteCursor) {
    this.#cursor = cursor;
    this.#amf3 = new Amf3Decoder(cursor, this.#budget);
  }

  get remaining(): number {
    return this.#cursor.remaining;
  }

  value(): AmfValue {
    const cursor = this.#cursor;
    const at = cursor.position;
    const marker = cursor.u8();
    // Behind these two the count is made by what they lead to.
    if (marker === AMF0.amf3) return this.#amf3.value();
    if (marker === AMF0.reference) return this.#references.resolve(cursor.u16(), at);
    this.#budget.spend(1, at);
    switch (marker) {
      case AMF0.number:
        return readDouble(cursor);
      case AMF0.boolean:
        return cursor.u8() !== 0;
      case AMF0.string:
        return readUtf8(cursor, cursor.u16());
      case AMF0.longString:
        return readUtf8(cursor, cursor.u32());
      case AMF0.xml:
        return new AmfXml(readUtf8(cursor, cursor.u32()));
      case AMF0.null:
        return null;
      case AMF0.undefined:
      case AMF0.unsupported:
        return undefined;
      case AMF0.date:
        return this.#date();
      default:
        return this.#container(marker, at);
    }
  }

  #container(marker: number, at: number): AmfValue {
    switch (marker) {
      case AMF0.object:
        return this.#references.keep(at, () => this.#members());
      case AMF0.typedObject:
        return this.#references.keep(at, () => new AmfTypedObject(readUtf8(this.#cursor, this.#cursor.u16()), this.#members()));
      case AMF0.ecmaArray:
        return this.#references.keep(at, () => {
          // The count is a hint that live encoders leave at 0; the end marker decides.
          this.#cursor.skip(4);
          return new AmfEcmaArray(this.#members());
        });
      case AMF0.strictArray:
        return this.#references.keep(at, () => this.#items());
      default:
        // Movie clips and record sets are reserved by the specification and carry nothing that could be skipped.
        throw new ProtocolError(`AMF0: type marker ${marker} is not supported`, at);
    }
  }

  #members(): AmfObject {
    const cursor = this.#cursor;
    const object = openObject();
    for (;;) {
      const at = cursor.position;
      const name = readUtf8(cursor, cursor.u16());
      if (name === '' && cursor.bytes[cursor.position] === AMF0.objectEnd) {
        cursor.skip(1);
        return object;
      }
      setMember(object, name, this.value(), at);
    }
  }

  #items(): AmfValue[] {
    const count = checkCount(this.#cursor, this.#cursor.u32(), 1);
    const items: AmfValue[] = [];
    for (let i = 0; i < count; i++) items.push(this.value());
    return items;
  }

  #date(): Date {
    const date = new Date(readDouble(this.#cursor));
    // The time zone is reserved: the number is UTC already (AMF0 section 2.13).
    this.#cursor.skip(2);
    return date;
  }
}
