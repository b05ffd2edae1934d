import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, decodeAmf0, decodeAmf3, encodeAmf0, encodeAmf3, MAX_AMF_ELEMENTS, type AmfValue } from '../../../core/formats/amf.ts';

const BOUNDS = { seed: 20_261_122, numRuns: 3000, interruptAfterTimeLimit: 8000 };

const sample: AmfValue[] = [
  'connect', 1, -1.5, true, null, undefined, new Date(1000), new AmfXml('<a/>'), new Uint8Array([1, 2, 3]),
  { app: 'live', nested: [1, 'live', { app: 'live' }] }, new AmfEcmaArray({ width: 640 }, [1, 2]), new AmfTypedObject('C', { a: 1 }),
  new AmfVector('int', [1, 2]), new AmfVector('object', ['a'], true, 'C'), new AmfDictionary([['k', 'v']]),
];

/** Small markers, small lengths and reference bytes are what gets deep into the decoders. */
const likely = fc.uint8Array({ maxLength: 400, max: 0x13 });
const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });

function mutate(whole: Uint8Array, changes: readonly (readonly [number, number])[]): Uint8Array {
  const bytes = whole.slice();
  for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
  return bytes;
}

/** Walks what a consumer would walk; more than the limit means that a small message costs its readers too much. */
function weigh(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Date || value instanceof Uint8Array) return 1;
  let weight = 1;
  for (const inner of Object.values(value)) weight += weigh(inner);
  return weight;
}

for (const [format, encode, decode] of [['AMF0', encodeAmf0, decodeAmf0], ['AMF3', encodeAmf3, decodeAmf3]] as const) {
  test(`${format} of a hostile peer ends in bounded values or a ProtocolError`, (t) => {
    const whole = encode(sample);
    const input = fc.oneof(likely, fc.uint8Array({ maxLength: 400 }), edits.map((changes) => mutate(whole, changes)));
    let decoded = 0;
    let refused = 0;
    fc.assert(
      fc.property(input, (bytes) => {
        try {
          // A wrapper object or pair around a counted value adds at most a few uncounted ones.
          if (weigh(decode(bytes)) > 4 * MAX_AMF_ELEMENTS) throw new Error('too heavy');
          decoded++;
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          refused++;
        }
      }),
      BOUNDS,
    );
    t.true(decoded > 0);
    t.true(refused > 0);
  });
}
