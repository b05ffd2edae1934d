import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { refusalOf } from '../../../plugins/sip/engine/session/refusal.ts';
import { checkMessage } from '../../../plugins/sip/engine/wire/check-message.ts';
import { encodeSipMessage } from '../../../plugins/sip/engine/wire/encode-message.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { TORTURE } from './torture-messages.ts';

function outcomeOf(text: string): 'valid' | 'dropped' | number {
  try {
    const { message, fault } = parseSipMessage(Buffer.from(text));
    const wrong = fault ?? checkMessage(message);
    if (wrong !== undefined) return wrong.status;
    // What we have no handler for is somebody else's business here.
    const refusal = message.type === 'request' ? refusalOf(message) : undefined;
    return refusal === undefined || refusal.status === 405 ? 'valid' : refusal.status;
  } catch (error) {
    if (error instanceof ProtocolError) return 'dropped';
    throw error;
  }
}

for (const { name, text, outcome } of TORTURE) test(`RFC 4475 ${name}`, (t) => t.is(outcomeOf(text), outcome));

test('messages that are valid are written as they were understood', (t) => {
  for (const { name, text } of TORTURE.filter(({ outcome }) => outcome === 'valid')) {
    const { message } = parseSipMessage(Buffer.from(text));
    const again = parseSipMessage(encodeSipMessage(message)).message;
    t.deepEqual({ ...again, body: Buffer.from(again.body), headers: [...again.headers].filter(([key]) => key !== 'Content-Length') }, { ...message, body: Buffer.from(message.body), headers: [...message.headers].filter(([key]) => key !== 'Content-Length') }, name);
  }
});

test('two messages on a stream are two, and a Content-Length that cannot be used ends it', (t) => {
  const [double, twice] = ['3.1.1.8', '3.3.9'].map((section) => TORTURE.find(({ name }) => name.startsWith(section))!.text);
  const methods: string[] = [];
  new StreamFramer().feed(Buffer.from(double!), (framed) => framed.type === 'message' && framed.parsed.message.type === 'request' && methods.push(framed.parsed.message.method));
  t.deepEqual(methods, ['REGISTER', 'INVITE']);
  t.throws(() => new StreamFramer().feed(Buffer.from(twice!), () => undefined), { instanceOf: ProtocolError });
});

test('the tortuous INVITE is understood to the last word', (t) => {
  const { message } = parseSipMessage(Buffer.from(TORTURE[0]!.text));
  t.is(message.headers.get('To'), 'sip:vivekg@chair-dnrc.example.com ; tag = 1918181833n');
  t.is(message.headers.get('CSeq'), '0009 INVITE');
  t.is(message.headers.list('Via')!.length, 3);
  t.is(message.headers.get('Subject'), '');
  t.is(message.headers.get('newfangledheader'), 'newfangled value continued newfangled value');
});
