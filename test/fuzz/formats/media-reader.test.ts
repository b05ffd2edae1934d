import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { indexMediaFile, openMediaReader } from '../../../core/formats/media-reader.ts';
import { memorySource, type CountedSource } from '../../support/byte-source.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { ENCODERS, hasFfmpeg, testInputs } from '../../support/ffmpeg.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const RUNS = 150;
const SEED = 20_261;
const CODES: ReadonlySet<string> = new Set(['PROTOCOL_E_MALFORMED', 'PROTOCOL_E_LIMIT', 'MEDIA_E_NO_COMMON_CODEC']);
/** Steps of reading after which a file of some kilobytes must have ended. */
const MAX_STEPS = 20_000;
const MAX_MS = 3000;

/** Small real files; the fuzzing is of their structure, so that pictures are as small as they get. */
const FILES: Readonly<Record<string, readonly [file: string, args: readonly string[]]>> = {
  'a plain MP4': ['plain.mp4', [...ENCODERS.h264BFrames, ...ENCODERS.aac]],
  'a fragmented MP4': ['fragments.mp4', [...ENCODERS.h264, ...ENCODERS.opus, '-movflags', '+frag_keyframe+empty_moov']],
  'a Matroska file': ['film.mkv', [...ENCODERS.h264BFrames, ...ENCODERS.aac]],
  'a WebM file': ['film.webm', [...ENCODERS.vp9, ...ENCODERS.opus]],
};
const folder = temporaryFolder();

/** Reads everything and seeks about; answers how it ended. */
async function exercise(source: CountedSource): Promise<'read' | 'refused'> {
  try {
    const reader = openMediaReader(source, await indexMediaFile(source));
    for (const positionUs of [-1, 0, 700_000, 1e15]) {
      await reader.seek(positionUs);
      for (let step = 0; ; step += 1) {
        if (step > MAX_STEPS) throw new Error('It does not end');
        const samples = await reader.next({ bytes: 64 * 1024, spanUs: 500_000 });
        if (samples.length === 0) break;
        for (const { ptsUs, dtsUs, data } of samples) if (!Number.isSafeInteger(dtsUs) || !Number.isSafeInteger(ptsUs) || ptsUs < dtsUs || data.length === 0) throw new Error(`A sample at ${dtsUs}, ${ptsUs} of ${data.length} bytes`);
      }
    }
    return 'read';
  } catch (error) {
    if (error instanceof WcsError && CODES.has(error.code)) return 'refused';
    throw error;
  }
}

const edit = fc.record({ at: fc.nat(), bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.constantFrom(Uint8Array.of(0xff, 0xff, 0xff, 0xff), Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0x7f, 0xff, 0xff, 0xff), Uint8Array.of(0x80, 0, 0, 0), Uint8Array.of(0, 0, 0, 1))) });
const change = fc.record({ edits: fc.array(edit, { maxLength: 5 }), keep: fc.option(fc.nat(), { nil: undefined }) });

/** Where the structure of a file lies: changes there matter, changes in the media don't. */
function structureOf(bytes: Buffer): number[] {
  const marks = ['moov', 'moof', 'traf', 'trun', 'tfhd', 'tfdt', 'stts', 'ctts', 'stsc', 'stsz', 'stco', 'stss', 'stsd', 'elst', 'mdhd', 'hdlr', 'avcC', 'esds', 'dOps'].map((mark) => Buffer.from(mark));
  const ids = [[0x1a, 0x45, 0xdf, 0xa3], [0x18, 0x53, 0x80, 0x67], [0x16, 0x54, 0xae, 0x6b], [0x1f, 0x43, 0xb6, 0x75], [0x1c, 0x53, 0xbb, 0x6b], [0x11, 0x4d, 0x9b, 0x74], [0x15, 0x49, 0xa9, 0x66]].map((id) => Buffer.from(id));
  const places: number[] = [];
  for (const mark of [...marks, ...ids]) for (let at = bytes.indexOf(mark); at >= 0 && places.length < 500; at = bytes.indexOf(mark, at + 1)) places.push(at);
  return places;
}

for (const [title, [file, args]] of Object.entries(FILES)) {
  (hasFfmpeg ? test : test.skip)(`${title}, however broken, is read or refused in bounded time and memory`, async (t) => {
    t.timeout(120_000);
    const path = join(folder, file);
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...testInputs(1, 'both'), '-s', '32x32', ...args, path]);
    const seed = readFileSync(path);
    const places = structureOf(seed);
    t.is(await exercise(memorySource(seed)), 'read');
    const outcomes = { read: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(change, async ({ edits, keep }) => {
        const bytes = Buffer.from(keep === undefined ? seed : seed.subarray(0, keep % seed.length));
        for (const { at, bytes: written } of edits) {
          const place = (places[at % places.length] ?? 0) - 4 + (Math.floor(at / places.length) % 64);
          if (place >= 0 && place < bytes.length) bytes.set(written.subarray(0, bytes.length - place), place);
        }
        const source = memorySource(bytes);
        const startedMs = cpuTimeMs();
        outcomes[await exercise(source)] += 1;
        const tookMs = cpuTimeMs() - startedMs;
        if (tookMs > MAX_MS) throw new Error(`${tookMs} ms`);
        if (source.counts.largest > 70 * 1024 * 1024) throw new Error(`${source.counts.largest} bytes at once`);
      }),
      { numRuns: RUNS, seed: SEED },
    );
    t.true(outcomes.read > 0 && outcomes.refused > 0, JSON.stringify(outcomes));
  });

  (hasFfmpeg ? test : test.skip)(`${title}, cut at any place, is read or refused`, async (t) => {
    t.timeout(120_000);
    const path = join(folder, `cut-${file}`);
    execFileSync('ffmpeg', ['-nostdin', '-v', 'error', '-y', ...testInputs(1, 'both'), '-s', '32x32', ...args, path]);
    const seed = readFileSync(path);
    for (let length = 0; length < seed.length; length += length < 2000 ? 23 : 997) await exercise(memorySource(seed.subarray(0, length)));
    t.pass();
  });
}

test('random bytes behind the right first ones are refused', async (t) => {
  const starts = [Buffer.from([0x1a, 0x45, 0xdf, 0xa3]), Buffer.from('\0\0\0\x10ftypisom\0\0\0\0'), Buffer.from('\0\0\0\x08moov')];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }), async (start, rest) => {
      if ((await exercise(memorySource(Buffer.concat([start, rest])))) !== 'refused') throw new Error('taken for a film');
    }),
    { numRuns: 1000, seed: SEED },
  );
  t.pass();
});
