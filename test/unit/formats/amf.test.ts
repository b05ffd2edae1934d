import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { AmfDictionary, AmfEcmaArray, AmfTypedObject, AmfVector, AmfXml, amfProperties, decodeAmf0, decodeAmf3, encodeAmf0, encodeAmf3, MAX_AMF_DEPTH, MAX_AMF_STRING_BYTES, type AmfValue } from '../../../core/formats/amf.ts';

const of = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const object = (properties: Record<string, AmfValue>) => Object.assign(Object.create(null) as Record<string, AmfValue>, properties);
const text = (value: string) => Buffer.from(value).toString('hex');
const protocolError = { instanceOf: ProtocolError };

// Bytes written by hand from sections 2 (AMF0) and 3 (AMF3) of the specifications.
const amf0: [string, string, AmfValue][] = [
  ['number', '00 3ff0000000000000', 1],
  ['boolean', '01 01', true],
  ['string', `02 0003 ${text('foo')}`, 'foo'],
  ['object', `03 0001 ${text('a')} 05 000009`, object({ a: null })],
  ['null', '05', null],
  ['undefined', '06', undefined],
  ['ECMA array', `08 00000001 0001 ${text('a')} 0101 000009`, new AmfEcmaArray(object({ a: true }))],
  ['strict array', '0a 00000002 05 06', [null, undefined]],
  ['date', '0b 408f400000000000 0000', new Date(1000)],
  ['XML document', `0f 00000004 ${text('<a/>')}`, new AmfXml('<a/>')],
  ['typed object', `10 0001 ${text('C')} 0001 ${text('a')} 05 000009`, new AmfTypedObject('C', object({ a: null }))],
  ['byte array behind the switch to AMF3', '11 0c 05 0102', of('0102')],
];
const amf3: [string, string, AmfValue][] = [
  ['undefined', '00', undefined],
  ['null', '01', null],
  ['false', '02', false],
  ['true', '03', true],
  ['integer of one byte', '04 7f', 127],
  ['integer of two bytes', '04 8100', 128],
  ['integer of three bytes', '04 818000', 16384],
  ['integer of four bytes', '04 80c08000', 0x200000],
  ['largest integer', '04 bfffffff', 0x0fffffff],
  ['smallest integer', '04 c0808000', -0x10000000],
  ['integer of -1', '04 ffffffff', -1],
  ['double', '05 3ff8000000000000', 1.5],
  ['string', `06 07 ${text('foo')}`, 'foo'],
  ['XML document', `07 09 ${text('<a/>')}`, new AmfXml('<a/>', true)],
  ['date', '08 01 408f400000000000', new Date(1000)],
  ['dense array', '09 05 01 04 01 03', [1, true]],
  ['sparse array', `09 03 03 ${text('a')} 02 01 03`, new AmfEcmaArray(object({ a: false }), [true])],
  ['anonymous object', `0a 0b 01 03 ${text('a')} 03 01`, object({ a: true })],
  ['typed object', `0a 0b 03 ${text('C')} 03 ${text('a')} 03 01`, new AmfTypedObject('C', object({ a: true }))],
  ['XML', `0b 09 ${text('<a/>')}`, new AmfXml('<a/>', false)],
  ['byte array', '0c 05 0102', of('0102')],
  ['vector of int', '0d 03 01 ffffffff', new AmfVector('int', [-1], true)],
  ['vector of uint', '0e 03 00 ffffffff', new AmfVector('uint', [0xffffffff])],
  ['vector of double', '0f 03 00 3ff0000000000000', new AmfVector('double', [1])],
  ['vector of objects', `10 03 00 03 ${text('C')} 01`, new AmfVector('object', [null], false, 'C')],
  ['dictionary', '11 03 00 04 01 03', new AmfDictionary([[1, true]])],
];

for (const [name, hex, value] of amf0) {
  test(`AMF0 ${name} is read and written`, (t) => {
    t.deepEqual(decodeAmf0(of(hex)), [value]);
    t.deepEqual(encodeAmf0([value]), of(hex));
  });
}
for (const [name, hex, value] of amf3) {
  test(`AMF3 ${name} is read and written`, (t) => {
    t.deepEqual(decodeAmf3(of(hex)), [value]);
    t.deepEqual(encodeAmf3([value]), of(hex));
  });
}

test('a command body gives all its values', (t) => {
  const values = ['connect', 1, object({ app: 'live', objectEncoding: 3 }), 'x'.repeat(70_000)];
  t.deepEqual(decodeAmf0(encodeAmf0(values)), values);
  t.is(encodeAmf0([values[3]])[0], 0x0c);
});

test('AMF0 references give the same object', (t) => {
  const [list] = decodeAmf0(of('0a 00000002 03 000009 07 0001'));
  const [first, second] = list as AmfValue[];
  t.deepEqual(first, object({}));
  t.is(first, second);
});

test('AMF3 strings, objects and traits go by reference the second time', (t) => {
  const shared = object({ name: 'name' });
  const bytes = encodeAmf3([[shared, shared, object({ name: 'other' }), new AmfTypedObject('C', {}), new AmfTypedObject('C', {})]]);
  t.deepEqual(bytes, of(`09 0b 01  0a 0b 01 09 ${text('name')} 06 00 01  0a 02  0a 01 00 06 0b ${text('other')} 01  0a 0b 03 ${text('C')} 01  0a 05 01`));
  const [list] = decodeAmf3(bytes);
  const items = list as AmfValue[];
  t.is(items[0], items[1]);
  t.deepEqual(items[2], object({ name: 'other' }));
  t.deepEqual(items[4], new AmfTypedObject('C', object({})));
});

test('AMF3 sealed members come in the order of their traits', (t) => {
  t.deepEqual(decodeAmf3(of(`0a 23 01 03 ${text('a')} 03 ${text('b')} 02 03`)), [object({ a: false, b: true })]);
});

test('flex wrappers are unwrapped, other externalizable classes are refused', (t) => {
  const wrapper = (name: string) => of(`0a 07 ${(name.length * 2 + 1).toString(16)} ${text(name)} 09 03 01 03`);
  t.deepEqual(decodeAmf3(wrapper('flex.messaging.io.ArrayCollection')), [[true]]);
  t.deepEqual(decodeAmf3(wrapper('flex.messaging.io.ObjectProxy')), [[true]]);
  t.throws(() => decodeAmf3(wrapper('flex.messaging.io.Anything')), protocolError);
});

test('members of objects, typed objects and ECMA arrays are found alike', (t) => {
  t.is(amfProperties(object({ a: 1 }))?.['a'], 1);
  t.is(amfProperties(new AmfEcmaArray({ a: 1 }))?.['a'], 1);
  t.is(amfProperties(new AmfTypedObject('C', { a: 1 }))?.['a'], 1);
  t.is(Object.getPrototypeOf(amfProperties(decodeAmf0(of('03 000009'))[0])), null);
  for (const value of [1, 'a', null, undefined, [], new Date(0), of('00'), new AmfXml('')]) t.is(amfProperties(value), undefined);
});

for (const [name, decode, hex] of [
  ['an AMF0 movie clip', decodeAmf0, '04'],
  ['an AMF0 record set', decodeAmf0, '0e'],
  ['an AMF0 member __proto__', decodeAmf0, `03 0009 ${text('__proto__')} 05 000009`],
  ['an AMF3 member __proto__', decodeAmf3, `0a 0b 01 13 ${text('__proto__')} 01 01`],
  ['an AMF0 object that contains itself', decodeAmf0, `03 0001 ${text('a')} 07 0000 000009`],
  ['an AMF3 array that contains itself', decodeAmf3, '09 03 01 09 00'],
  ['an AMF0 reference to nothing', decodeAmf0, '07 0000'],
  ['an AMF3 string reference to nothing', decodeAmf3, '06 00'],
  ['an AMF3 traits reference to nothing', decodeAmf3, '0a 01'],
  ['an AMF0 array longer than its message', decodeAmf0, '0a ffffffff'],
  ['an AMF3 vector longer than its message', decodeAmf3, '0d ffffffff 00'],
  ['an unknown AMF3 marker', decodeAmf3, '12'],
  ['a long string above the limit', decodeAmf0, `0c 00${(MAX_AMF_STRING_BYTES + 1).toString(16)} 00`],
  ['an AMF0 value nested too deep', decodeAmf0, '0a00000001'.repeat(MAX_AMF_DEPTH + 1) + '05'],
  ['an AMF3 value nested too deep', decodeAmf3, '090301'.repeat(MAX_AMF_DEPTH + 1) + '01'],
] as const) {
  test(`${name} is refused`, (t) => {
    const error = t.throws(() => decode(of(hex)), protocolError);
    t.is(typeof error.details['offset'], 'number');
  });
}

test('references that double at every step are refused before anyone walks them', (t) => {
  const doubling = Array.from({ length: 40 }, (_, i) => `0a00000002 07${i.toString(16).padStart(4, '0')} 07${i.toString(16).padStart(4, '0')}`);
  t.throws(() => decodeAmf0(of(`0a00000000 ${doubling.join('')}`)), protocolError);
});

test('an invalid value to write is refused', (t) => {
  let deep: AmfValue = [];
  for (let i = 0; i < MAX_AMF_DEPTH; i++) deep = [deep];
  t.throws(() => encodeAmf0([deep]), { instanceOf: RangeError });
  t.throws(() => encodeAmf3([deep]), { instanceOf: RangeError });
  t.throws(() => encodeAmf3([new AmfVector('int', ['a'])]), { instanceOf: RangeError });
});
