import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { answerText } from '../../../core/remote/answer-text.ts';
import { parseRemoteCommand, UsageError } from '../../../core/remote/command-line.ts';
import { EXIT, runRemote } from '../../../core/remote/remote.ts';

interface Seen {
  readonly request: IncomingMessage;
  readonly body: string;
}

/** A server that answers every request the same way and keeps what it was sent. */
async function answering(t: ExecutionContext, status: number, answer: string): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      seen.push({ request, body });
      response.writeHead(status, status === 302 ? { Location: '/elsewhere' } : {}).end(answer);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function run(args: readonly string[], { password, typed }: { password?: string; typed?: string } = { password: 'secret' }) {
  let [output, errors] = ['', ''];
  const code = await runRemote(args, {
    version: '1.2.3',
    env: { WCS_ADMIN_PASSWORD: password },
    write: (text) => (output += text),
    writeError: (text) => (errors += text),
    askPassword: () => Promise.resolve(typed),
  });
  return { code, output, errors };
}

test('a call posts its fields with the credentials and shows a list as a table', async (t) => {
  const { url, seen } = await answering(t, 200, JSON.stringify([{ name: 'x', viewers: 2 }, { name: 'longer', error: 'e' }]));
  const { code, output } = await run(['stream', 'find', 'name=x', 'n:=5', '--url', `${url}/`, '--user', 'eve']);
  t.is(code, EXIT.done);
  t.is(output, 'name    viewers  error\nx       2        -\nlonger  -        e\n');
  t.is(seen[0]?.request.url, '/rest-api/stream/find');
  t.is(seen[0]?.request.method, 'POST');
  t.is(seen[0]?.request.headers.authorization, `Basic ${Buffer.from('eve:secret').toString('base64')}`);
  t.is(seen[0]?.body, '{"name":"x","n":5}');
});

test('an empty answer is OK, and --json shows what came', async (t) => {
  const empty = await answering(t, 200, '');
  t.like(await run(['stream', 'terminate', '--url', empty.url]), { code: 0, output: 'OK\n' });
  const object = await answering(t, 200, '{"a":{"b":1}}');
  t.like(await run(['x', 'y', '--json', '--url', object.url]), { code: 0, output: '{\n  "a": {\n    "b": 1\n  }\n}\n' });
  t.like(await run(['x', 'y', '--url', object.url]), { output: 'a  {"b":1}\n' });
});

test('the exit code tells a refusal, a wrong password and a missing server apart', async (t) => {
  const refusing = await answering(t, 404, '{"error":{"code":"PLUGIN_E_NOT_FOUND","message":"There is no plugin \\u001b[2Jx."}}');
  t.deepEqual(await run(['plugin', 'info', 'x', '--url', refusing.url]), { code: 1, output: '', errors: 'PLUGIN_E_NOT_FOUND: There is no plugin \\u001b[2Jx.\n' });
  const broken = await answering(t, 502, '<html>');
  t.like(await run(['plugin', 'list', '--url', broken.url]), { code: 1, errors: 'The server answered with HTTP status 502.\n' });
  const locked = await answering(t, 401, '{"error":{"code":"ACCESS_E_CREDENTIALS","message":"Wrong."}}');
  t.like(await run(['plugin', 'list', '--url', locked.url]), { code: 3, errors: 'ACCESS_E_CREDENTIALS: Wrong.\n' });
  const { code, errors } = await run(['plugin', 'list', '--url', 'http://127.0.0.1:9']);
  t.is(code, 3);
  t.regex(errors, /No server answers at http:\/\/127\.0\.0\.1:9/);
});

test('credentials follow no redirect', async (t) => {
  const { url, seen } = await answering(t, 302, '');
  t.like(await run(['plugin', 'list', '--url', url]), { code: 3 });
  t.is(seen.length, 1);
});

test('without the variable the password is asked for, and without anybody to ask nothing is sent', async (t) => {
  const { url, seen } = await answering(t, 200, '"fine\\nso"');
  t.like(await run(['a', 'b', '--url', url], { typed: 'typed' }), { code: 0, output: 'fine\nso\n' });
  t.is(seen[0]?.request.headers.authorization, `Basic ${Buffer.from('admin:typed').toString('base64')}`);
  const unasked = await run(['a', 'b', '--url', url], {});
  t.is(unasked.code, 2);
  t.regex(unasked.errors, /WCS_ADMIN_PASSWORD/);
  t.is(seen.length, 1);
});

test('help and version need no server', async (t) => {
  t.like(await run(['--version']), { code: 0, output: '1.2.3\n' });
  for (const words of [[], ['help'], ['--help'], ['plugin', '-h']]) t.regex((await run(words)).output, /wcs-core GROUP VERB/);
});

test('operations and fields are read from the words', (t) => {
  t.like(parseRemoteCommand(['plugin', 'reload', 'rtmp']), { operation: 'plugin.reload', input: { name: 'rtmp' } });
  t.like(parseRemoteCommand(['stream.inject3.startup', 'uri=rtmp://h/a?b=c', 'display:=["metrics"]']), {
    operation: 'stream.inject3.startup',
    input: { uri: 'rtmp://h/a?b=c', display: ['metrics'] },
  });
  t.like(parseRemoteCommand(['config', 'set', 'path=log.level', 'value=']), { input: { path: 'log.level', value: '' } });
});

test('a wrong command line says what to write instead', async (t) => {
  for (const words of [['plugin'], ['Ü', 'x'], ['a', 'b=c'], ['a', 'b', 'c:={'], ['a', 'b', '--url', 'ftp://x'], ['a', 'b', '--nope']]) {
    t.throws(() => parseRemoteCommand(words), { instanceOf: UsageError }, words.join(' '));
    t.is((await run(words)).code, EXIT.usage, words.join(' '));
  }
});

test('a table wider than the terminal becomes a list of fields', (t) => {
  const rows = [{ name: 'a', error: 'x'.repeat(30) }, { name: 'b', error: '' }];
  t.is(answerText(rows, 20), `name   a\nerror  ${'x'.repeat(30)}\n\nname   b\nerror  -\n`);
  t.is(answerText([], 20), '(none)\n');
  t.is(answerText(['a', 1]), 'a\n1\n');
});
