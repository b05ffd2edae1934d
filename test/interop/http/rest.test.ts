import test from 'ava';
import { z } from 'zod';
import { ADMIN, startHttpApp, VIEWER, type HttpTestServer } from '../../support/http-app.ts';

let http: HttpTestServer;
test.before(async () => {
  http = await startHttpApp({ allowedOrigins: ['https://admin.example'] });
});
test.after.always(() => http.close());

const errorOf = async (response: Response) => ((await response.json()) as { error: { code: string; message: string; details?: unknown } }).error;

test('An operation answers POST with JSON under both versions of the API', async (t) => {
  for (const path of ['/rest-api/stream/find', '/rest-api/v3/stream/find', '/rest-api/stream/find/']) {
    const response = await http.post(path, { name: 'cam', published: 'true', limit: '5' }, { 'content-type': 'application/json' });
    t.is(response.status, 200);
    t.is(response.headers.get('content-type'), 'application/json; charset=utf-8');
    t.is(response.headers.get('access-control-allow-origin'), '*');
    t.deepEqual(await response.json(), [{ name: 'cam', published: true, limit: 5 }]);
  }
});

test('A query is answered by GET too, with its fields in the query string', async (t) => {
  const response = await fetch(`${http.base}/rest-api/stream/find?name=cam&published=false`, { headers: { authorization: VIEWER } });
  t.deepEqual(await response.json(), [{ name: 'cam', published: false }]);
});

test('JSON is taken under any content type and without a body', async (t) => {
  const form = await http.post('/rest-api/stream/find', '{"name":"cam"}', { 'content-type': 'application/x-www-form-urlencoded' });
  t.deepEqual(await form.json(), [{ name: 'cam' }]);
  const empty = await http.post('/rest-api/test/who', '', { 'content-type': 'application/json' });
  t.like(await empty.json(), { kind: 'rest', user: 'admin', role: 'admin', address: '127.0.0.1' });
});

test('Success with nothing to tell has an empty body, also by an alias', async (t) => {
  for (const path of ['/rest-api/stream/terminate', '/rest-api/stream/stop']) {
    const response = await http.post(path, { name: 'cam' });
    t.is(response.status, 200);
    t.is(await response.text(), '');
  }
});

test('find and find_all answer 404 when the list is empty', async (t) => {
  for (const [path, body] of [['/rest-api/stream/find_all', {}], ['/rest-api/stream/find', { name: 'none' }]] as const) {
    const response = await http.post(path, body);
    t.is(response.status, 404);
    t.is((await errorOf(response)).code, 'OPERATION_E_EMPTY');
  }
});

test('Each kind of failure has its status, code and details', async (t) => {
  for (const [kind, status] of [['invalid', 400], ['refused', 403], ['notFound', 404], ['conflict', 409], ['busy', 503], ['internal', 500]] as const) {
    const response = await http.post('/rest-api/test/fail', { kind });
    t.is(response.status, status, kind);
    t.like(await errorOf(response), { message: `It is ${kind}.`, details: { kind } });
  }
  const input = await http.post('/rest-api/stream/find', { limit: 'many' });
  t.is(input.status, 400);
  t.like(await errorOf(input), { code: 'OPERATION_E_INPUT', details: { field: 'limit' } });
});

test('A bug in an operation is logged and told to nobody', async (t) => {
  const response = await http.post('/rest-api/test/fail', { kind: 'bug' });
  t.is(response.status, 500);
  t.is((await errorOf(response)).code, 'INTERNAL_E_FAULT');
  t.true(http.errors.some((line) => line.includes('secret internals')));
});

test('Unknown paths, methods and bodies are refused in words', async (t) => {
  t.is((await http.post('/rest-api/stream/nothing')).status, 404);
  t.is((await http.post('/rest-api/..%2f..%2fetc/passwd')).status, 404);
  t.is((await fetch(`${http.base}/nothing`)).status, 404);
  t.is((await fetch(`${http.base}/assets/index.html`)).status, 404);
  t.is((await fetch(`${http.base}/%`)).status, 400);
  const put = await fetch(`${http.base}/rest-api/stream/find`, { method: 'PUT', headers: { authorization: ADMIN } });
  t.is(put.status, 405);
  t.is((await http.post('/rest-api/stream/find', '{"name":')).status, 400);
  t.is((await http.post('/rest-api/stream/find', '['.repeat(1000))).status, 400);
  const large = await http.post('/rest-api/stream/find', `"${'x'.repeat(1024 * 1024)}"`);
  t.is(large.status, 413);
  t.is((await errorOf(large)).code, 'PROTOCOL_E_LIMIT');
});

test('Operations need a password, and what changes something needs the role admin', async (t) => {
  const anonymous = await fetch(`${http.base}/rest-api/stream/find`, { method: 'POST' });
  t.is(anonymous.status, 401);
  t.regex(anonymous.headers.get('www-authenticate') ?? '', /^Basic/);
  // Which operations there are is nobody's business either.
  t.is((await fetch(`${http.base}/rest-api/no/such`, { method: 'POST' })).status, 401);
  const viewer = await http.post('/rest-api/stream/terminate', { name: 'cam' }, { authorization: VIEWER });
  t.is(viewer.status, 403);
  t.is((await errorOf(viewer)).code, 'ACCESS_E_REFUSED');
});

test('GET never changes anything', async (t) => {
  const response = await fetch(`${http.base}/rest-api/stream/terminate?name=cam`, { headers: { authorization: ADMIN } });
  t.is(response.status, 405);
  t.is(response.headers.get('allow'), 'POST, OPTIONS');
});

test('A page of another site may read, but change nothing unless its origin is listed', async (t) => {
  const from = (origin: string) => http.post('/rest-api/stream/terminate', { name: 'cam' }, { origin });
  t.is((await from('https://evil.example')).status, 403);
  t.is((await from('https://evil.example')).headers.get('access-control-allow-origin'), null);
  t.is((await from('null')).status, 403);
  t.is((await from(http.base)).status, 200);
  const listed = await from('https://admin.example');
  t.is(listed.status, 200);
  t.is(listed.headers.get('access-control-allow-origin'), 'https://admin.example');
  const read = await http.post('/rest-api/stream/find', { name: 'cam' }, { origin: 'https://evil.example' });
  t.is(read.status, 200);
  const preflight = await fetch(`${http.base}/rest-api/stream/find`, { method: 'OPTIONS', headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' } });
  t.is(preflight.status, 204);
  t.is(preflight.headers.get('access-control-allow-origin'), '*');
  t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /Authorization/);
});

test('An operation that comes or goes while the server runs is served or gone at once', async (t) => {
  const release = http.operations.register({ name: 'late.hello', summary: 'Hello', role: 'viewer', input: z.object({}), handler: () => ({ hello: 1 }) });
  t.deepEqual(await (await http.post('/rest-api/late/hello')).json(), { hello: 1 });
  const described = async () => Object.keys(((await (await fetch(`${http.base}/openapi.json`, { headers: { authorization: VIEWER } })).json()) as { paths: object }).paths);
  t.true((await described()).includes('/rest-api/late/hello'));
  release();
  t.is((await http.post('/rest-api/late/hello')).status, 404);
  t.false((await described()).includes('/rest-api/late/hello'));
});

test('A client that goes away aborts its operation', async (t) => {
  const aborted = new Promise<void>((resolve, reject) => {
    const release = http.operations.register({
      name: 'slow.wait',
      summary: 'Waits',
      role: 'viewer',
      input: z.object({}),
      handler: (_input, { signal }) =>
        new Promise<void>((done) =>
          signal.addEventListener('abort', () => {
            done();
            release();
            resolve();
          }),
        ),
    });
    const client = new AbortController();
    fetch(`${http.base}/rest-api/slow/wait`, { method: 'POST', headers: { authorization: ADMIN }, signal: client.signal }).catch(() => undefined);
    setTimeout(() => client.abort(), 100);
    setTimeout(() => reject(new Error('The operation was not aborted.')), 5000).unref();
  });
  await t.notThrowsAsync(aborted);
});

test('The OpenAPI document describes fields, roles and answers', async (t) => {
  t.is((await fetch(`${http.base}/openapi.json`)).status, 401);
  const document = (await (await fetch(`${http.base}/openapi.json`, { headers: { authorization: VIEWER } })).json()) as {
    openapi: string;
    info: { version: string };
    paths: Record<string, { post: { operationId: string; tags: string[]; requestBody: { content: Record<string, { schema: { properties: Record<string, { description?: string }>; required?: string[] } }> }; responses: Record<string, { content?: object }> } }>;
  };
  t.regex(document.openapi, /^3\.0/);
  t.is(document.info.version, '9.9.9');
  const { post } = document.paths['/rest-api/stream/find']!;
  t.like(post, { operationId: 'stream.find', tags: ['stream'] });
  const schema = post.requestBody.content['application/json']!.schema;
  t.is(schema.properties.name?.description, 'Stream name');
  t.truthy(post.responses['200']?.content);
  t.deepEqual(document.paths['/rest-api/stream/terminate']!.post.requestBody.content['application/json']!.schema.required, ['name']);
});

test('Ten wrong passwords close the door for a while', async (t) => {
  const own = await startHttpApp();
  t.teardown(() => own.close());
  const wrong = { authorization: `Basic ${Buffer.from('admin:guess').toString('base64')}` };
  for (let attempt = 0; attempt < 10; attempt++) t.is((await own.post('/rest-api/test/who', {}, wrong)).status, 401);
  const refused = await own.post('/rest-api/test/who', {});
  t.is(refused.status, 429);
  t.true(Number(refused.headers.get('retry-after')) > 0);
  t.is((await fetch(`${own.base}/health`)).status, 200);
});
