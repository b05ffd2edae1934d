import test from 'ava';
import fc from 'fast-check';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { negotiateAnswer, type NegotiatedAnswer } from '../../../plugins/webrtc/wire/negotiate-answer.ts';
import { parseOffer } from '../../../plugins/webrtc/wire/sdp-offer.ts';
import { ALL_CODECS, fixedAnswer, goldenSdp } from '../../support/webrtc-sdp.ts';

const OFFERS = ['publish', 'play', 'publish-stripped', 'publish-audio'].map(goldenSdp);
const WORDS = ['a=mid:', 'a=fmtp:96 apt=96', 'a=rtpmap:', 'a=rtpmap:1 x/0/0', 'a=ssrc-group:FID 1', 'a=rid:', 'm=video 0 x *', 'a=group:BUNDLE', 'a=simulcast:send', 'a=extmap:999 x', 'a=__proto__:1', '\0', '9'.repeat(30), 'a=setup:', 'a=sendrecv'];

interface Change {
  readonly line: number;
  readonly how: 'drop' | 'double' | 'cut' | 'swap' | 'insert' | 'replace';
  readonly at: number;
  readonly text: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  line: fc.nat(),
  how: fc.constantFrom('drop', 'double', 'cut', 'swap', 'insert', 'replace'),
  at: fc.nat(),
  text: fc.oneof(fc.constantFrom(...WORDS), fc.string({ maxLength: 12 })),
});

function mutate(sdp: string, changes: readonly Change[]): string {
  const lines = sdp.split('\r\n');
  for (const { line, how, at, text } of changes) {
    const index = line % lines.length;
    const before = lines[index] ?? '';
    if (how === 'drop') lines.splice(index, 1);
    else if (how === 'double') lines.splice(at % lines.length, 0, before);
    else if (how === 'cut') lines[index] = before.slice(0, at % (before.length + 1));
    else if (how === 'swap') [lines[index], lines[at % lines.length]] = [lines[at % lines.length] ?? '', before];
    else if (how === 'insert') lines.splice(index, 0, text);
    else lines[index] = before.slice(0, at % (before.length + 1)) + text + before.slice((at % (before.length + 1)) + 1);
  }
  return lines.join('\r\n');
}

test('a NUL character anywhere in an offer is refused, also where an answer would repeat it', (t) => {
  const offer = goldenSdp('publish');
  for (const before of ['a=fmtp:', 'm=video', 'a=mid:', 'v=0']) {
    t.throws(() => parseOffer(offer.replace(before, (found) => `${found}\0`)), { code: 'PROTOCOL_E_MALFORMED' }, before);
  }
});

test('whatever is done to an offer, the answer holds together or the failure has a code', (t) => {
  let answered = 0;
  fc.assert(
    fc.property(fc.constantFrom(...OFFERS), fc.array(change, { maxLength: 12 }), fc.constantFrom('publish' as const, 'play' as const), (offer, changes, direction) => {
      const sdp = mutate(offer, changes);
      let answer: NegotiatedAnswer;
      try {
        answer = negotiateAnswer(parseOffer(sdp), direction, { codecs: ALL_CODECS, orientation: true, simulcast: true });
      } catch (error) {
        return error instanceof WcsError;
      }
      answered++;
      const text = fixedAnswer(answer);
      // Same sections in the same order, none with a line that the offer could have smuggled in.
      t.is(text.match(/^m=/gm)?.length, answer.media.length);
      t.false(text.includes('\0'));
      // Only where it means something: format parameters are repeated as they came.
      return !/^a=(?:rtcp-fb:.*transport-cc|extmap:.*transport-wide)/m.test(text);
    }),
    { numRuns: 2000 },
  );
  t.true(answered > 200);
});

test('any text at all is answered with a code', (t) => {
  fc.assert(
    fc.property(fc.string({ maxLength: 400 }), (text) => {
      for (const sdp of [text, `v=0\r\n${text}`, `v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=${text}`]) {
        const failure = ((): unknown => {
          try {
            return negotiateAnswer(parseOffer(sdp), 'publish', { codecs: ALL_CODECS, orientation: true, simulcast: true });
          } catch (error) {
            return error;
          }
        })();
        if (!(failure instanceof WcsError)) return false;
      }
      return true;
    }),
    { numRuns: 1000 },
  );
  t.pass();
});
