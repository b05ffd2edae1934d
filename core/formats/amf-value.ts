/** Containers (objects, arrays, vectors, dictionaries) inside one another, at most. */
export const MAX_AMF_DEPTH = 64;
/** Values in one message, at most; what a reference points at counts again. */
export const MAX_AMF_ELEMENTS = 65_536;
/** Bytes of one string, XML document or byte array, at most. */
export const MAX_AMF_STRING_BYTES = 1_048_576;

/** Named values; a decoded one has no prototype, so only what the peer sent is found in it. */
export interface AmfObject {
  readonly [name: string]: AmfValue;
}

/** An array with named members beside its dense part, as `onMetaData` carries. @see AMF0 section 2.10, AMF3 section 3.11 */
export class AmfEcmaArray {
  readonly properties: AmfObject;
  readonly dense: readonly AmfValue[];

  constructor(properties: AmfObject, dense: readonly AmfValue[] = []) {
    this.properties = properties;
    this.dense = dense;
  }
}

/** An object of a named class. @see AMF0 section 2.18, AMF3 section 3.12 */
export class AmfTypedObject {
  readonly className: string;
  readonly properties: AmfObject;

  constructor(className: string, properties: AmfObject) {
    this.className = className;
    this.properties = properties;
  }
}

/** An XML text, unparsed; `document` tells AMF3's legacy XMLDocument (and AMF0's only form) from its XML. @see AMF3 sections 3.9, 3.13 */
export class AmfXml {
  readonly text: string;
  readonly document: boolean;

  constructor(text: string, document = true) {
    this.text = text;
    this.document = document;
  }
}

/** What a vector may hold. */
export type AmfVectorKind = 'int' | 'uint' | 'double' | 'object';

/** An AMF3 vector; `typeName` is the class of the items of an object vector, or empty. @see AMF3 section 3.15 */
export class AmfVector {
  readonly kind: AmfVectorKind;
  readonly items: readonly AmfValue[];
  readonly fixed: boolean;
  readonly typeName: string;

  constructor(kind: AmfVectorKind, items: readonly AmfValue[], fixed = false, typeName = '') {
    this.kind = kind;
    this.items = items;
    this.fixed = fixed;
    this.typeName = typeName;
  }
}

/** An AMF3 dictionary: pairs whose keys may be any value. @see AMF3 section 3.16 */
export class AmfDictionary {
  readonly entries: readonly (readonly [AmfValue, AmfValue])[];
  readonly weakKeys: boolean;

  constructor(entries: readonly (readonly [AmfValue, AmfValue])[], weakKeys = false) {
    this.entries = entries;
    this.weakKeys = weakKeys;
  }
}

/**
 * Any value that AMF0 or AMF3 carries. A decoded value never contains itself; the same container may be found in
 * several places where the peer used references, and a full walk still meets at most `MAX_AMF_ELEMENTS` values.
 */
export type AmfValue =
  | number
  | string
  | boolean
  | null
  | undefined
  | Date
  | Uint8Array
  | readonly AmfValue[]
  | AmfEcmaArray
  | AmfTypedObject
  | AmfXml
  | AmfVector
  | AmfDictionary
  | AmfObject;

/** Tells a dense array from the other values. */
export function isAmfArray(value: AmfValue): value is readonly AmfValue[] {
  return Array.isArray(value);
}

/** The named members of an object, typed object or ECMA array; undefined for every other value. */
export function amfProperties(value: AmfValue): AmfObject | undefined {
  if (typeof value !== 'object' || value === null || isAmfArray(value)) return undefined;
  if (value instanceof AmfEcmaArray || value instanceof AmfTypedObject) return value.properties;
  if (value instanceof Date || value instanceof Uint8Array || value instanceof AmfXml) return undefined;
  if (value instanceof AmfVector || value instanceof AmfDictionary) return undefined;
  return value;
}
