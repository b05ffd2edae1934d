import { ProtocolError } from '../errors/wcs-error.ts';
import type { ByteCursor } from './byte-reader.ts';
import { MAX_AMF_DEPTH, MAX_AMF_ELEMENTS, MAX_AMF_STRING_BYTES, type AmfObject, type AmfValue } from './amf-value.ts';

// A byte order mark is part of the text, and text that is not UTF-8 is shown as well as can be: it is a peer's free text.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

/** Counts what decoding one message costs, over AMF0 and the AMF3 inside of it. */
export class AmfBudget {
  #elements = 0;
  #depth = 0;

  /** Values met so far, those behind references included. */
  get elements(): number {
    return this.#elements;
  }

  /** Pays for `count` values. */
  spend(count: number, offset: number): void {
    this.#elements += count;
    if (this.#elements > MAX_AMF_ELEMENTS) throw new ProtocolError(`AMF: more than ${MAX_AMF_ELEMENTS} values`, offset);
  }

  /** Steps into a container; pair with `leave`. */
  enter(offset: number): void {
    if (++this.#depth > MAX_AMF_DEPTH) throw new ProtocolError(`AMF: nested deeper than ${MAX_AMF_DEPTH}`, offset);
  }

  /** Steps out of a container. */
  leave(): void {
    this.#depth--;
  }
}

interface Slot {
  value: AmfValue;
  /** Values in it when walked in full; 0 while it is still being read. */
  weight: number;
}

/**
 * The table that object references point into. A reference pays again for all it points at, so that references can't
 * make a small message cost its readers exponential time, and one to an unfinished container (a cycle) is refused.
 */
export class AmfReferences {
  readonly #slots: Slot[] = [];
  readonly #budget: AmfBudget;

  constructor(budget: AmfBudget) {
    this.#budget = budget;
  }

  /** Takes the next index, reads the value that belongs to it with `read`, and keeps it. */
  keep<T extends AmfValue>(offset: number, read: () => T): T {
    const slot: Slot = { value: undefined, weight: 0 };
    this.#slots.push(slot);
    const before = this.#budget.elements;
    this.#budget.enter(offset);
    const value = read();
    this.#budget.leave();
    slot.value = value;
    slot.weight = 1 + this.#budget.elements - before;
    return value;
  }

  /** The value that a reference names. */
  resolve(index: number, offset: number): AmfValue {
    const slot = this.#slots[index];
    if (slot === undefined) throw new ProtocolError(`AMF: reference ${index} to nothing`, offset);
    if (slot.weight === 0) throw new ProtocolError('AMF: a value that contains itself', offset);
    this.#budget.spend(slot.weight, offset);
    return slot.value;
  }
}

/** Reads `length` bytes of UTF-8. */
export function readUtf8(cursor: ByteCursor, length: number): string {
  return utf8.decode(takeBounded(cursor, length));
}

/** Takes `length` bytes after checking them against `MAX_AMF_STRING_BYTES`; the result shares memory with the input. */
export function takeBounded(cursor: ByteCursor, length: number): Uint8Array {
  if (length > MAX_AMF_STRING_BYTES) throw new ProtocolError(`AMF: ${length} bytes of text or data`, cursor.position);
  return cursor.take(length);
}

/** Reads a big-endian IEEE 754 double. */
export function readDouble(cursor: ByteCursor): number {
  const bytes = cursor.take(8);
  return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0);
}

/** Checks a count of things of at least `bytesEach` bytes against what is left, before anything is reserved for them. */
export function checkCount(cursor: ByteCursor, count: number, bytesEach: number): number {
  if (count * bytesEach > cursor.remaining) throw new ProtocolError(`AMF: ${count} elements in ${cursor.remaining} bytes`, cursor.position);
  return count;
}

/** An `AmfObject` while it is being filled. */
export type OpenAmfObject = Record<string, AmfValue>;

/** An empty object without a prototype. */
export function openObject(): OpenAmfObject {
  const made: unknown = Object.create(null);
  return made as OpenAmfObject;
}

/** Sets a member that the peer named; `__proto__` is refused, since a copy into an ordinary object would change its prototype. */
export function setMember(object: OpenAmfObject, name: string, value: AmfValue, offset: number): AmfObject {
  if (name === '__proto__') throw new ProtocolError('AMF: a member named __proto__', offset);
  object[name] = value;
  return object;
}
