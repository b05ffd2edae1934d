import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, decodeAmf0, decodeAmf3, encodeAmf0, encodeAmf3, type AmfObject, type AmfValue } from '../../../core/formats/amf.ts';

const text = fc.string({ unit: 'binary', maxLength: 20 });
const name = fc.oneof(text, fc.constantFrom('a', 'constructor', 'toString')).filter((key) => key !== '' && key !== '__proto__');
const bytes = fc.uint8Array({ maxLength: 20 });

const { value } = fc.letrec<{ value: AmfValue; object: AmfObject }>((tie) => ({
  object: fc.dictionary(name, tie('value'), { maxKeys: 4, noNullPrototype: false }).map((made) => Object.assign(Object.create(null) as Record<string, AmfValue>, made)),
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.double(), fc.integer(), text, fc.boolean(), fc.constantFrom(null, undefined), fc.date({ noInvalidDate: true }), bytes, text.map((xml) => new AmfXml(xml))),
    fc.oneof(
      fc.array(tie('value'), { maxLength: 4 }),
      tie('object'),
      fc.tuple(name, tie('object')).map(([className, members]) => new AmfTypedObject(className, members)),
      tie('object').filter((members) => Object.keys(members).length > 0).map((members) => new AmfEcmaArray(members)),
      fc.array(fc.integer(), { maxLength: 4 }).map((items) => new AmfVector('int', items)),
      fc.array(fc.double(), { maxLength: 4 }).map((items) => new AmfVector('double', items, true)),
      fc.array(tie('value'), { maxLength: 3 }).map((items) => new AmfVector('object', items, false, 'C')),
      fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((entries) => new AmfDictionary(entries)),
    ),
  ),
}));
const values = fc.array(value, { maxLength: 5 });

for (const [format, encode, decode] of [['AMF0', encodeAmf0, decodeAmf0], ['AMF3', encodeAmf3, decodeAmf3]] as const) {
  test(`${format}: whatever is written is read back`, (t) => {
    fc.assert(fc.property(values, (input) => t.deepEqual(decode(encode(input)), input)));
  });

  test(`${format}: a cut or changed message throws a ProtocolError or gives values`, (t) => {
    fc.assert(
      fc.property(values, fc.nat(), fc.nat(), fc.nat(255), (input, cut, at, byte) => {
        const whole = encode(input);
        const changed = whole.slice(0, whole.length - (cut % (whole.length + 1)));
        if (changed.length > 0) changed[at % changed.length] = byte;
        for (const bytesIn of [whole.subarray(0, cut % (whole.length + 1)), changed]) {
          try {
            if (!Array.isArray(decode(bytesIn))) return false;
          } catch (error) {
            if (!(error instanceof ProtocolError)) throw error;
          }
        }
        return true;
      }),
    );
    t.pass();
  });
}
