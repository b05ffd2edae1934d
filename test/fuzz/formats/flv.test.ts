import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { FlvReader, parseAudioBody, parseVideoBody } from '../../../core/formats/flv.ts';
import { NEED_MORE } from '../../../core/formats/need-more.ts';

const BOUNDS = { seed: 20_261_122, numRuns: 3000, interruptAfterTimeLimit: 8000 };

/** Runs `parse` and tells whether it refused; anything but a ProtocolError is a defect. */
function refuses(parse: () => unknown): boolean {
  try {
    parse();
    return false;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return true;
  }
}

const fourCc = fc.constantFrom('avc1', 'hvc1', 'av01', 'Opus', 'mp4a', 'xxxx').map((code) => new Uint8Array(Buffer.from(code)));
const body = fc
  .tuple(fc.nat(255), fc.uint8Array({ maxLength: 4 }), fourCc, fc.uint8Array({ maxLength: 40 }))
  .map(([head, modifiers, code, rest]) => new Uint8Array([head, ...modifiers, ...code, ...rest]));

for (const [name, parse] of [['video', parseVideoBody], ['audio', parseAudioBody]] as const) {
  test(`${name} bodies of a hostile peer end in packets or a ProtocolError`, (t) => {
    let refused = 0;
    let runs = 0;
    fc.assert(
      fc.property(body, (bytes) => {
        runs++;
        if (refuses(() => parse(bytes))) refused++;
      }),
      BOUNDS,
    );
    t.true(refused > 0 && refused < runs);
  });
}

test('a changed file ends in tags or a ProtocolError, and never in more tags than it has room for', (t) => {
  const file = new Uint8Array(readFileSync('test/golden/formats/flv/h264-aac.flv'));
  let refused = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }), fc.integer({ min: 1, max: 999 }), (edits, size) => {
      const changed = file.slice();
      for (const [at, byte] of edits) changed[at] = byte;
      const reader = new FlvReader();
      let items = 0;
      const drain = () => {
        for (let at = 0; at < changed.length; at += size) {
          reader.push(changed.subarray(at, at + size));
          while (reader.next() !== NEED_MORE) items++;
        }
      };
      if (refuses(drain)) refused++;
      return items <= 1 + changed.length / 15;
    }),
    { ...BOUNDS, numRuns: 500 },
  );
  t.true(refused > 0);
});
