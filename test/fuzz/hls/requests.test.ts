import test from 'ava';
import fc from 'fast-check';
import { parseByteRange } from '../../../plugins/hls/wire/byte-range.ts';
import { readRequest } from '../../../plugins/hls/wire/request.ts';

const SEED = 20_260_101;
const LIMITS = { seed: SEED, numRuns: 5000, interruptAfterTimeLimit: 20_000 };
const token = fc.oneof(
  fc.constantFrom('/', '//', 'cam', 'live%2Fcam', '..', '%2e%2e', '%2F', '%5c', '\\', '%00', '%0d%0a', '%ff', '%', '.m3u8', 'cam.m3u8', 'master.m3u8', 'ts', 'fmp4', 'x-1.ts', 'x-1.m4s', 'x-1.0.m4s', 'x-i0.mp4', '-', '.', '?', '&', '=', '_HLS_msn=', '_HLS_part=', '_HLS_skip=YES', 'type=ts', '9'.repeat(20), '-1', 'token="', '#', ' ', 'ü', '😀'),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const wild = fc.array(token, { maxLength: 12 }).map((tokens) => `/${tokens.join('')}`);
/** What means something, with something wrong perhaps. */
const name = fc.oneof(fc.constantFrom('cam', 'live/cam', 'live%2Fcam', 'ü', '..%2Fcam', './cam'), token);
const last = fc.oneof(fc.constant(undefined), fc.constantFrom('master.m3u8', 'x-1.ts', 'x-1.m4s', 'x-1.0.m4s', 'x-i0.mp4', 'x-1.0.ts'), token);
const near = fc.tuple(name, fc.constantFrom('/', '/ts/', '/fmp4/', '//'), last, fc.constantFrom('', '?', '?type=ts&'), fc.array(token, { maxLength: 4 })).map(
  ([text, middle, file, mark, query]) => `/${text}${middle}${file ?? `${text}.m3u8`}${mark}${query.join('')}`,
);
const url = fc.oneof(wild, near);

test('any URL gives a request for a checked name or a reply, and no answer can be split or lead elsewhere', (t) => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.constantFrom('GET', 'HEAD', 'PUT', undefined), url, (method, given) => {
      const read = readRequest(method, given);
      if (read.type === 'reply') {
        seen.add(String(read.status));
        const location = read.headers['Location'] ?? '/x';
        return [302, 400, 404, 405].includes(read.status) && /^\/[^/]/.test(location);
      }
      seen.add(read.resource.type);
      const { name } = read.resource;
      const isContained = !name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..');
      return isContained && !/[\0\\\s]/.test(name) && /^(?:\?[\w\-.*%+=&]+)?$/.test(read.query.suffix);
    }),
    LIMITS,
  );
  for (const kind of ['302', '400', '404', '405', 'playlist', 'file', 'multivariant']) t.true(seen.has(kind), `no case of ${kind}`);
});

test('any range header gives bytes of the resource', (t) => {
  const header = fc.oneof(fc.string({ unit: 'binary' }), fc.tuple(fc.string(), fc.string()).map(([a, b]) => `bytes=${a}-${b}`), fc.tuple(fc.nat(), fc.nat()).map(([a, b]) => `bytes=${a}-${b}`));
  fc.assert(
    fc.property(header, fc.nat(5000), (given, total) => {
      const range = parseByteRange(given, total);
      return typeof range === 'string' || (range.start >= 0 && range.start < range.end && range.end <= total);
    }),
    LIMITS,
  );
  t.pass();
});
