import test from 'ava';
import fc from 'fast-check';
import { isSecretKey, maskText } from '../../../core/log/mask.ts';
import { createRootLog } from '../../../core/log/root-log.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';

const secret = fc.stringMatching(/^[A-Za-z0-9]{6,20}$/).map((tail) => `S3cr${tail}`);
const secretKey = fc.constantFrom('password', 'pass', 'token', 'accessToken', 'secret', 'rest_hook_secret_key', 'Authorization', 'aclAuth', 'key', 'credentials', 'apiKey', 'sip-password', 'set-cookie');
const word = fc.stringMatching(/^[a-z]{1,8}$/).filter((name) => !isSecretKey(name));

/** Ways in which a secret gets into a text. */
const leak = fc.oneof(
  fc.tuple(word, secret).map(([user, value]) => ({ value, text: `rtsp://${user}:${value}@10.0.0.1:554/live` })),
  secret.map((value) => ({ value, text: `rtsp://:a@${value}@h/x` })),
  secret.map((value) => ({ value, text: `rtsp://admin:a/${value}@h/x` })),
  secret.map((value) => ({ value, text: `http://h:8081/p?uri=rtsp%3A%2F%2Fu%3A${value}%40h%2Fx&b=1` })),
  fc.tuple(secretKey, secret).map(([key, value]) => ({ value, text: `rtmp://h/app?a=1&${key}=${value}&b=2` })),
  fc.tuple(secretKey, secret).map(([key, value]) => ({ value, text: `url=rtmp://h/app?${key}=${value}` })),
  fc.tuple(secretKey, secret).map(([key, value]) => ({ value, text: `{"a":1,"${key}":"x \\" ${value}"}` })),
  fc.tuple(secretKey, secret).map(([key, value]) => ({ value, text: `${key}: ${value}` })),
  secret.map((value) => ({ value, text: `Authorization: Digest username="u", response="${value}"` })),
  secret.map((value) => ({ value, text: `sent Bearer ${value}` })),
);

function linesOf(write: (log: ReturnType<typeof createRootLog>) => void): string {
  const lines: string[] = [];
  for (const pretty of [false, true]) {
    const log = createRootLog({ level: 'trace', pretty, write: (line) => lines.push(line) });
    write(log);
    lines.push(...log.recent(100));
  }
  return lines.join('\n');
}

test('no secret in a text survives in a message, a field, an error or a child', (t) => {
  fc.assert(fc.property(leak, fc.string(), ({ value, text }, noise) => {
    const output = linesOf((log) => {
      log.info(`${noise} ${text}`);
      log.child({ at: text }).warn('x', { list: [{ text }], map: new Map([['a', text]]), error: new Error(text, { cause: new Error(text) }) });
    });
    return !output.includes(value);
  }), { numRuns: 200 });
  t.false(maskText('rtsp://a:b@c').includes(':b@'));
});

test('no value under a secret key survives at any depth, whatever its type', (t) => {
  const holder = fc.tuple(secretKey, secret, fc.array(word, { maxLength: 5 }), fc.constantFrom('text', 'object', 'list'));
  fc.assert(fc.property(holder, ([key, value, path, form]) => {
    const held = form === 'text' ? value : form === 'object' ? { a: { b: value } } : [value];
    const tree = path.reduceRight<Record<string, unknown>>((inner, name) => ({ [name]: [inner] }), { [key]: held });
    return !linesOf((log) => log.child(tree).error('x', { tree })).includes(value);
  }), { numRuns: 200 });
  t.false(linesOf((log) => log.info('x', { pin: { password: 918273 } })).includes('918273'));
});

test('any value at all can be logged: cycles, depth, getters that throw, and ordinary facts stay readable', (t) => {
  fc.assert(fc.property(fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withTypedArray: true, withNullPrototype: true }), (value) => {
    linesOf((log) => log.info('x', { value }));
  }), { numRuns: 200 });
  const cycle: Record<string, unknown> = { appKey: 'defaultApp', key: true, get bad() { throw new Error('no'); } };
  cycle['self'] = cycle;
  const output = linesOf((log) => log.info('see http://h:8081/x?a=b@c', { cycle }));
  t.true(output.includes('"appKey":"defaultApp","key":true,"bad":"[unreadable]","self":"[circular]"'));
  t.true(output.includes('http://h:8081/x?a=b@c'));
});

test('masking takes no more than linear time on hostile text', (t) => {
  const startedMs = cpuTimeMs();
  for (const piece of ['://a:', 'token=', '%3a%2f%2f', 'a"\\', 'authorization:', 'key  ', '"pass":"\\']) maskText(piece.repeat(10_000));
  t.true(cpuTimeMs() - startedMs < 3000);
});
