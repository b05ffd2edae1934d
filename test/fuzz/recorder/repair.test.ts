import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { encodeCluster, encodeMatroskaHead } from '../../../core/formats/matroska.ts';
import { encodeFragment, encodeInitSegment } from '../../../core/formats/mp4.ts';
import { repairFile } from '../../../plugins/recorder/server/repair.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
let files = 0;

/** A head and pieces of a file, as the recorder writes them. */
const FILES = {
  mp4: {
    head: Buffer.from(encodeInitSegment([{ id: 1, kind: 'video', codec: 'vp9', timescaleHz: 90_000, codecConfig: new Uint8Array(8), width: 2, height: 2 }])),
    piece: (data: Uint8Array) => encodeFragment({ sequenceNumber: 1, tracks: [{ id: 1, baseDecodeTime: 0, samples: [{ data, duration: 1, compositionOffset: 0, isSync: true }] }] }),
  },
  mkv: {
    head: Buffer.from(encodeMatroskaHead({ docType: 'matroska', tracks: [{ number: 1, kind: 'video', codec: 'vp8', width: 2, height: 2 }], headBytes: 400 })),
    piece: (data: Uint8Array) => Buffer.concat(encodeCluster([{ track: 1, ticks: 0, key: true, data }])),
  },
} as const;

for (const type of ['mp4', 'mkv'] as const) {
  test(`an unfinished ${type} is cut to its last whole piece, wherever the crash cut it and whatever it left behind`, async (t) => {
    const { head, piece } = FILES[type];
    const part = fc.uint8Array({ minLength: 1, maxLength: 400 });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 8 }), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(300), async (parts, share, zeros) => {
        const pieces = parts.map(piece);
        const whole = Buffer.concat([head, ...pieces]);
        const cut = Math.floor(whole.length * share);
        const path = join(folder, `${files++}`);
        writeFileSync(path, Buffer.concat([whole.subarray(0, cut), Buffer.alloc(zeros)]));
        let expected = 0;
        let end = head.length;
        for (const { length } of pieces) if ((end += length) <= cut) expected = end;
        const { wholeBytes, cutBytes } = await repairFile(path, type);
        // Zeros may stand in for the rest of a piece: its size is right, and no more can be told.
        if (zeros === 0 || wholeBytes === expected) t.is(wholeBytes, expected);
        else t.true(wholeBytes > cut && wholeBytes <= cut + zeros);
        t.is(cutBytes, cut + zeros - wholeBytes);
      }),
      { numRuns: 60 },
    );
  });
}

test('random bytes never throw and never grow a file', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 2000 }), fc.constantFrom('mp4', 'mkv', 'webm', 'ts'), async (bytes, type) => {
      const path = join(folder, `${files++}`);
      writeFileSync(path, bytes);
      const { wholeBytes, cutBytes } = await repairFile(path, type);
      t.is(wholeBytes + cutBytes, bytes.length);
    }),
    { numRuns: 150 },
  );
});
