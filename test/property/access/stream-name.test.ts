import test from 'ava';
import fc from 'fast-check';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { isSourceUri, parseStreamName } from '../../../core/access/stream-name.ts';

const piece = fc.oneof(fc.constantFrom('..', '.', '/', '//', '\\', '\0', '?', '%2e', '%2E.', ' ', 'cam', 'a', 'ж', '://', 'rtsp://', '\u202E', '\uD800', '#', '&', '='), fc.string({ unit: 'binary' }));
const hostile = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

function accepted(text: string): string | undefined {
  try {
    return parseStreamName(text);
  } catch (error) {
    if (error instanceof WcsError && error.code === 'MEDIA_E_NAME_INVALID') return undefined;
    throw error;
  }
}

test('no accepted name has a dot segment, a control character, a backslash or too many characters', (t) => {
  let taken = 0;
  fc.assert(fc.property(hostile, (text) => {
    const name = accepted(text);
    if (name === undefined) return true;
    taken++;
    if (/[\p{Cc}\p{Cf}\p{Cs}\s\\]/u.test(name)) return false;
    const uri = isSourceUri(name);
    if (name.length > (uri ? 2048 : 255)) return false;
    const path = decodeURIComponent(name.replace(/%(?![0-9a-f]{2})/gi, '%25').replace(/%(?!2e|25)/gi, '%25'));
    const segments = (uri ? path.slice(path.indexOf('://') + 3) : path).split(/[/\\]/);
    return !segments.includes('..') && (uri || !segments.some((segment) => segment === '.' || segment === ''));
  }), { numRuns: 5000 });
  t.true(taken > 100);
});

test('parsing what was accepted gives the same name again', (t) => {
  fc.assert(fc.property(hostile, (text) => {
    const name = accepted(text);
    return name === undefined || accepted(name) === name;
  }), { numRuns: 2000 });
  t.is(String(parseStreamName('e\u0301')), '\u00E9');
});

test('names of ordinary use pass and the refusal says what is wrong', (t) => {
  for (const name of ['cam1', 'live/кино-1', 'a.b', '日本', 'room:1@{x}[2](3)%&;*!$+=,~#', 'x'.repeat(255), 'rtsp://u:p@10.0.0.1:554/live?a=1', `rtmp://${'a'.repeat(2041)}`]) {
    t.is(String(parseStreamName(name)), name);
  }
  const refusals = [['', 'is empty'], ['a//b', 'empty segment'], ['/a', 'empty segment'], ['a/../b', '".." segment'], ['a/%2e%2E', '".." segment'], ['a b', 'U+0020'], ['a?b', 'U+003F'], ['a\\b', 'U+005C'],
    ['a\nb', 'U+000A'], ['x'.repeat(256), '256 characters; 255'], [`rtmp://${'a'.repeat(2042)}`, '2049 characters; 2048'], ['vod://../x', '".." segment'], ['vod://', 'nothing behind']];
  for (const [name = '', part = ''] of refusals) {
    const error = t.throws(() => parseStreamName(name), { instanceOf: WcsError });
    t.true(error.message.includes(part), `${error.message} should say ${part}`);
  }
});
