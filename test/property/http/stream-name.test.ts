import test from 'ava';
import fc from 'fast-check';
import { parseStreamName } from '../../../core/access/stream-name.ts';
import streamNameScript from '../../../plugins/http/pages/stream-name.client.js';

/** The browser's module, run here. */
const { faultOfName } = (await import(`data:text/javascript,${encodeURIComponent(streamNameScript)}`)) as { readonly faultOfName: (text: string) => string | undefined };

function serverTakes(text: string): boolean {
  try {
    parseStreamName(text);
    return true;
  } catch {
    return false;
  }
}

const characters = fc.constantFrom(...'aZ0é字-_.~:@#$+=,!()[]{}%&;*/ \\"<>|^`\t\u0000\u200b🎥'.split(/(?:)/u), '..', '%2e', '//');
const names = fc.oneof(fc.string({ unit: characters, maxLength: 12 }), fc.string({ unit: 'grapheme', maxLength: 12 }), fc.string({ unit: characters, minLength: 240, maxLength: 300 }));

test('The publishing page takes exactly the names that the server takes, but for addresses of sources', (t) => {
  fc.assert(
    fc.property(names, (name) => {
      fc.pre(!/^[a-z][a-z0-9+.-]*:\/\//i.test(name.normalize('NFC')));
      return (faultOfName(name) === undefined) === serverTakes(name);
    }),
    { numRuns: 2000 },
  );
  t.is(faultOfName('front/door'), undefined);
  t.regex(faultOfName('rtsp://camera/1') ?? '', /no address/);
  t.regex(faultOfName('my stream') ?? '', /White space/);
});
