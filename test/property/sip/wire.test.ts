import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { applicationText } from '../../../plugins/sip/engine/wire/application-text.ts';
import { checkMessage } from '../../../plugins/sip/engine/wire/check-message.ts';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../../../plugins/sip/engine/wire/control-frame.ts';
import { encodeSipMessage } from '../../../plugins/sip/engine/wire/encode-message.ts';
import { parseNameAddr, parseParams } from '../../../plugins/sip/engine/wire/name-addr.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { SipHeaders, type SipRequest } from '../../../plugins/sip/engine/wire/sip-message.ts';
import { parseSipUri } from '../../../plugins/sip/engine/wire/sip-uri.ts';
import { StreamFramer, type Framed } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { parseVia } from '../../../plugins/sip/engine/wire/via.ts';
import { TORTURE } from '../../golden/sip/torture-messages.ts';

const word = fc.stringMatching(/^[a-zA-Z0-9\-.!%*_+`'~]{1,12}$/);
const value = fc.stringMatching(/^[\x21-\x7e]{1,30}$/);
const request = fc.record({ method: word, user: fc.stringMatching(/^[a-z0-9]{1,9}$/), headers: fc.array(fc.tuple(word.map((name) => `X-${name}`), value), { maxLength: 8 }), body: fc.uint8Array({ maxLength: 200 }) }).map(
  ({ method, user, headers, body }): SipRequest => ({
    type: 'request', method, uri: `sip:${user}@example.com`, body,
    headers: SipHeaders.of([['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx'], ['From', '<sip:a@b>;tag=1'], ['To', '<sip:c@d>'], ['Call-ID', 'x'], ['CSeq', `1 ${method}`], ...headers]),
  }),
);
const fields = (message: { headers: SipHeaders }): unknown => [...message.headers].filter(([name]) => name !== 'Content-Length');

test('what is written is read again as it was', (t) => {
  fc.assert(
    fc.property(request, (message) => {
      const { message: again, fault } = parseSipMessage(encodeSipMessage(message));
      t.is(fault, undefined);
      t.deepEqual(fields(again), fields(message));
      t.deepEqual(Buffer.from(again.body), Buffer.from(message.body));
    }),
    { numRuns: 300 },
  );
});

test('a stream gives the same messages however it is cut, and can go on in another framer', (t) => {
  fc.assert(
    fc.property(fc.array(request, { minLength: 1, maxLength: 4 }), fc.array(fc.nat(400), { maxLength: 40 }), fc.nat(), (messages, cuts, moveAt) => {
      const stream = Buffer.concat(messages.flatMap((message) => [Buffer.from('\r\n'), encodeSipMessage(message)]));
      const got: unknown[] = [];
      const onFramed = (framed: Framed): void => void (framed.type === 'message' && got.push(fields(framed.parsed.message)));
      let framer = new StreamFramer();
      for (let [at, index] = [0, 0]; at < stream.length; index++) {
        const size = (cuts[index % (cuts.length || 1)] ?? 0) + 1;
        framer.feed(stream.subarray(at, at + size), onFramed);
        at += size;
        if (index === moveAt % 7) {
          const next = new StreamFramer();
          next.feed(framer.pending, onFramed);
          framer = next;
        }
      }
      t.deepEqual(got, messages.map(fields));
    }),
    { numRuns: 150 },
  );
});

test('control messages come through however they are cut', (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((given) => given.replace(/[|\r\n]/g, ''));
  const message = fc.record({ id: fc.uuid(), kind: fc.constantFrom('sip', 'route', 'response'), fields: fc.array(text, { maxLength: 5 }), payload: fc.string({ unit: 'grapheme', maxLength: 60 }) });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 30 }), (messages, size) => {
      const stream = Buffer.concat(messages.map(encodeControlMessage));
      const framer = new ControlFramer();
      const got: ControlMessage[] = [];
      for (let at = 0; at < stream.length; at += size) framer.feed(stream.subarray(at, at + size), (one) => got.push(one));
      t.deepEqual(got, messages);
    }),
    { numRuns: 200 },
  );
});

test('no text makes a parser of values throw', (t) => {
  const piece = fc.constantFrom('"', '\\', '<', '>', ';', ',', '=', '@', ':', '[', ']', ' ', 'a', 'sip:', '%41', '\0', 'SIP/2.0/UDP ');
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string({ maxLength: 4 })), { maxLength: 30 }), (pieces) => {
      const text = pieces.join('');
      t.notThrows(() => [parseSipUri(text), parseNameAddr(text), parseParams(text), parseVia(text), SipHeaders.of([['Contact', text]]).list('Contact')]);
    }),
    { numRuns: 2000 },
  );
});

test('a message of which any part is broken is refused or dropped, and never throws', (t) => {
  const seeds = TORTURE.map(({ text }) => Buffer.from(text));
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 });
  fc.assert(
    fc.property(fc.nat(seeds.length - 1), edits, fc.nat(), (which, changes, cut) => {
      const bytes = Buffer.from(seeds[which]!);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      try {
        const { message } = parseSipMessage(cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes);
        checkMessage(message);
        t.is(typeof applicationText(message), 'string');
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});
