import { connect } from 'node:net';
import test from 'ava';
import fc from 'fast-check';
import { ADMIN, startHttpApp, type HttpTestServer } from '../../support/http-app.ts';

let http: HttpTestServer;
test.before(async () => {
  http = await startHttpApp();
});
test.after.always(() => http.close());

/** Sends bytes and returns what comes back until the server closes or `quietMs` pass without a byte. */
function exchange(port: number, bytes: Uint8Array | string, quietMs = 2000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let answer = '';
    const end = () => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(quietMs, end);
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')));
    socket.on('close', end);
    socket.on('error', end);
    socket.write(bytes);
  });
}

const stillServes = async () => (await fetch(`${http.base}/health`)).status === 200;

test('Garbage on the port ends its connection and nothing else', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes) => {
      const answer = await exchange(http.port, bytes, 60);
      return answer === '' || answer.startsWith('HTTP/1.1 4');
    }),
    { numRuns: 40, seed: 8081 },
  );
  t.true(await stillServes());
});

test('Whatever the path, the query and the body are, the answer is a typed error or a success, never 500', async (t) => {
  const path = fc.oneof(fc.webPath(), fc.string({ maxLength: 60 }).map((text) => `/rest-api/${encodeURIComponent(text)}`), fc.constantFrom('/rest-api/stream/find', '/rest-api/test/who', '/rest-api/stream/terminate', '/?action=stat&groups=', '/assets/..%2f..%2fetc'));
  const body = fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 200 }), fc.constantFrom('null', '[]', '1', '{"__proto__":1}', '{"name":{}}'));
  await fc.assert(
    fc.asyncProperty(path, body, fc.constantFrom('application/json', 'text/plain', 'multipart/form-data; boundary=x', 'nonsense'), async (where, what, type) => {
      const response = await http.post(where, what, { 'content-type': type });
      const text = await response.text();
      if (response.status === 200) return true;
      const { error } = JSON.parse(text) as { error: { code: string } };
      return response.status < 500 && /^[A-Z]+_E_[A-Z]+$/.test(error.code);
    }),
    { numRuns: 150, seed: 8444 },
  );
  t.true(await stillServes());
});

test('Huge headers, lengths that lie and half a request are refused or waited for within bounds', async (t) => {
  t.regex(await exchange(http.port, `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1\.1 431/);
  t.regex(await exchange(http.port, `POST /rest-api/test/who HTTP/1.1\r\nHost: x\r\nAuthorization: ${ADMIN}\r\nContent-Length: 99999999\r\n\r\n`), /^HTTP\/1\.1 413/);
  t.regex(await exchange(http.port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), /^HTTP\/1\.1 400/);
  t.is(await exchange(http.port, `POST /rest-api/test/who HTTP/1.1\r\nHost: x\r\nAuthorization: ${ADMIN}\r\nContent-Length: 10\r\n\r\n{"a`, 200), '');
  t.true(await stillServes());
  await http.app.idle();
  t.pass();
});

test('A body sent a byte at a time is put together', async (t) => {
  const body = '{"name":"cam"}';
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(http.port, '127.0.0.1', () => {
      socket.write(`POST /rest-api/stream/find HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: ${ADMIN}\r\nContent-Length: ${body.length}\r\n\r\n`);
      let index = 0;
      const drip = setInterval(() => (index < body.length ? socket.write(body[index++]!) : clearInterval(drip)), 3);
    });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.on('close', () => resolve(text));
  });
  t.true(answer.endsWith('[{"name":"cam"}]'));
});
