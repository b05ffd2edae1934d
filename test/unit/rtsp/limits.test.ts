import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { NEED_MORE } from '../../../core/formats/need-more.ts';
import { MAX_BODY_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_LINE_BYTES } from '../../../plugins/rtsp/wire/limits.ts';
import { RtspReader } from '../../../plugins/rtsp/wire/message-reader.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';

function read(...chunks: string[]): unknown {
  const reader = new RtspReader();
  for (const chunk of chunks) reader.feed(Buffer.from(chunk));
  return reader.next();
}

const START = 'OPTIONS * RTSP/1.0\r\n';
const REFUSED: Readonly<Record<string, string>> = {
  'a negative length': `${START}Content-Length: -1\r\n\r\n`,
  'a huge length': `${START}Content-Length: 99999999999999999999\r\n\r\n`,
  'a length above the limit': `${START}Content-Length: ${MAX_BODY_BYTES + 1}\r\n\r\n`,
  'a length in hexadecimals': `${START}Content-Length: 0x10\r\n\r\n`,
  'an empty length': `${START}Content-Length:\r\n\r\n`,
  'two lengths that differ': `${START}Content-Length: 1\r\ncontent-length: 2\r\n\r\nxx`,
  'too many headers': `${START}${'a: b\r\n'.repeat(MAX_HEADERS + 1)}\r\n`,
  'a line that is too long': `${START}a: ${'b'.repeat(MAX_LINE_BYTES)}\r\n\r\n`,
  'a head without end': START + 'a: b\r\n'.repeat(MAX_HEAD_BYTES / 6),
  'another protocol': 'GET / HTTP/1.1\r\n\r\n',
  'a start line without a version': 'OPTIONS *\r\n\r\n',
  'a start line without an address': 'OPTIONS RTSP/1.0\r\n\r\n',
  'a status that is no number': 'RTSP/1.0 OK\r\n\r\n',
  'a method that is no token': 'OPT(IONS * RTSP/1.0\r\n\r\n',
  'binary garbage': '\u0001\u0002',
};

for (const [what, bytes] of Object.entries(REFUSED)) {
  test(`${what} is refused`, (t) => {
    t.throws(() => read(bytes), { instanceOf: ProtocolError });
  });
}

test('what is just within the limits is taken', (t) => {
  t.like(read(`${START}Content-Length: 2\r\nContent-Length: 2\r\n\r\nxx`), { method: 'OPTIONS' });
  t.like(read(START + 'a: b\r\n'.repeat(MAX_HEADERS), '\r\n'), { method: 'OPTIONS' });
  t.like(read(`${START}Content-Length: ${MAX_BODY_BYTES}\r\n\r\n`, 'x'.repeat(MAX_BODY_BYTES)), { method: 'OPTIONS' });
});

test('a body that has not all come is waited for', (t) => {
  const reader = new RtspReader();
  reader.feed(Buffer.from(`${START}Content-Length: 4\r\n\r\nab`));
  t.is(reader.next(), NEED_MORE);
  reader.feed(Buffer.from('c'));
  t.is(reader.next(), NEED_MORE);
  reader.feed(Buffer.from('d$'));
  t.like(reader.next(), { body: new Uint8Array(Buffer.from('abcd')) });
  t.is(Buffer.from(reader.unread).toString(), '$');
});

test('a head of spaces only takes no long time', (t) => {
  const startedMs = cpuTimeMs();
  const spaces = ' '.repeat(MAX_LINE_BYTES - 40);
  t.throws(() => read(`OPTIONS${spaces}x\r\n\r\n`), { instanceOf: ProtocolError });
  t.like(read(`RTSP/1.0 200 ${spaces}x\r\n\r\n`), { status: 200, reason: 'x' });
  t.true(cpuTimeMs() - startedMs < 1000);
});
