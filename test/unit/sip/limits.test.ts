import test from 'ava';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { srfClasses, type SrfMessage } from '../../../plugins/sip/calls/srf.ts';
import { applicationText } from '../../../plugins/sip/engine/wire/application-text.ts';
import { checkMessage } from '../../../plugins/sip/engine/wire/check-message.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';

/** Beyond it a call in progress would hear of it. */
const LIMIT_MS = 50;
const RUN = 8 * 1024;

const withHeader = (name: string, value: string): Buffer =>
  Buffer.from(
    ['INVITE sip:a@b.example SIP/2.0', 'Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx', 'From: <sip:a@b>;tag=1', 'To: <sip:c@d>', 'Call-ID: x', 'CSeq: 1 INVITE', 'Contact: <sip:a@b>', 'Max-Forwards: 70', 'Content-Length: 0']
      .filter((line) => !line.toLowerCase().startsWith(`${name.toLowerCase()}:`)).concat(`${name}: ${value}`, '', '').join('\r\n'),
  );

/** All that happens to a message until drachtio-srf has looked at its addresses; the fastest of three. */
function handleMs(bytes: Buffer): number {
  let best = Infinity;
  for (let round = 0; round < 3; round++) {
    const start = cpuTimeMs();
    handle(bytes);
    best = Math.min(best, cpuTimeMs() - start);
  }
  return best;
}

function handle(bytes: Buffer): void {
  try {
    const { message, fault } = parseSipMessage(bytes);
    if (fault !== undefined || checkMessage(message) !== undefined) return;
    const parsed = new srfClasses.SipMessage(applicationText(message)) as SrfMessage & { getParsedHeader(name: string): unknown };
    for (const name of ['from', 'to', 'contact', 'via', 'refer-to', 'p-asserted-identity', 'subject', 'content-type']) {
      try {
        parsed.getParsedHeader(name);
      } catch {
        // Not there, or not to its taste.
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

test(`runs of ${RUN} of any one character are worked off in time, wherever they stand`, (t) => {
  const slow: string[] = [];
  for (let code = 0; code < 128; code++) {
    const run = String.fromCharCode(code).repeat(RUN);
    for (const name of ['From', 'Contact', 'Via', 'Subject', 'Content-Type', 'Refer-To']) {
      for (const value of [run, `"${run}`, `<sip:a@b>;x=${run}`]) {
        const ms = handleMs(withHeader(name, value));
        if (ms > LIMIT_MS) slow.push(`${name} ${JSON.stringify(value.slice(0, 12))}: ${ms.toFixed(0)} ms`);
      }
    }
  }
  t.deepEqual(slow, []);
});

test('10,000 headers, 64 KiB of anything, and folds without end are dropped in time', (t) => {
  const head = 'OPTIONS sip:a@b SIP/2.0\r\n';
  const inputs = {
    headers: Buffer.from(`${head}${'X: y\r\n'.repeat(10_000)}\r\n`),
    folds: Buffer.from(`${head}X: y\r\n${' z\r\n'.repeat(10_000)}\r\n`),
    line: Buffer.from(`${head}X: ${'y'.repeat(65_000)}\r\n\r\n`),
    startLine: Buffer.from(`OPTIONS sip:${'a'.repeat(65_000)} SIP/2.0\r\n\r\n`),
    commas: Buffer.from(`${head}Via: ${','.repeat(8000)}\r\n\r\n`),
    noEnd: Buffer.alloc(65_535, 'A'),
    lines: Buffer.alloc(65_535, '\r\n'),
  };
  for (const [name, input] of Object.entries(inputs)) t.true(handleMs(input) < LIMIT_MS, name);
});

test('a stream that arrives byte by byte costs no more than its bytes', (t) => {
  const message = Buffer.concat([Buffer.from(`MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 60000\r\n${'X: yyyyyyyyyyyyyyyyyyyy\r\n'.repeat(200)}\r\n`), Buffer.alloc(60_000, 'x')]);
  const framer = new StreamFramer();
  let [messages, slowest] = [0, 0];
  const start = cpuTimeMs();
  for (const byte of message) {
    const before = cpuTimeMs();
    framer.feed(Uint8Array.of(byte), () => messages++);
    slowest = Math.max(slowest, cpuTimeMs() - before);
  }
  t.is(messages, 1);
  t.true(cpuTimeMs() - start < 2000);
  t.true(slowest < LIMIT_MS);
});
