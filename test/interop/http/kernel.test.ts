import { request } from 'node:https';
import test from 'ava';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';

async function startHttp(settings: Record<string, unknown> = {}) {
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const server = await startTestKernel({ plugins: { http: { port, tlsPort, ...settings } } });
  const authorization = `Basic ${Buffer.from(`admin:${server.password}`).toString('base64')}`;
  const base = `http://127.0.0.1:${port}`;
  const post = (path: string, body?: unknown) => fetch(base + path, { method: 'POST', headers: { authorization }, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  return { ...server, base, port, tlsPort, post, authorization };
}

/** GET over TLS, trusting the self-signed certificate. */
function getSecurely(port: number, path: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, rejectUnauthorized: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString()));
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    sent.on('error', reject).end();
  });
}

test('The kernel serves health, statistics, operations and pages over HTTP and HTTPS', async (t) => {
  const server = await startHttp();
  t.teardown(() => server.stop());
  const health = (await (await fetch(`${server.base}/health`)).json()) as { status: string; plugins: { name: string; state: string }[] };
  t.is(health.status, 'ok');
  t.like(health.plugins.find((plugin) => plugin.name === 'http'), { state: 'active', generation: 'http@1' });
  t.is((await getSecurely(server.tlsPort, '/health')).status, 200);
  t.regex((await getSecurely(server.tlsPort, '/')).text, /<title>WCS Core/);
  t.regex(await (await fetch(`${server.base}/?action=stat`)).text(), /^-----\w+-----\n\w+=/);
  t.regex(await (await fetch(`${server.base}/metrics`)).text(), /^wcs_/m);
  const plugins = (await (await server.post('/rest-api/plugin/list')).json()) as { name: string }[];
  t.true(plugins.some((plugin) => plugin.name === 'http'));
  t.is((await server.post('/rest-api/stream/find_all')).status, 404);
  t.is((await server.post('/rest-api/plugin/reload', { name: 'nothing' })).status, 404);
  const hls = await fetch(`${server.base}/assets/hls.min.js`);
  t.true((await hls.text()).length > 100_000);
});

test('The overview shows plugins, listeners, ports and metrics at one look', async (t) => {
  const server = await startHttp({ tlsPort: 'off' });
  t.teardown(() => server.stop());
  const overview = (await (await server.post('/rest-api/dashboard/show')).json()) as { plugins: { name: string }[]; listeners: { key: string; name: string }[]; ports: { range: string }[]; streams: { total: number }; metrics: object };
  t.true(overview.plugins.some(({ name }) => name === 'http'));
  t.deepEqual(overview.listeners.map(({ key, name }) => [key, name]), [[`http:127.0.0.1:${server.port}`, 'http']]);
  t.true(overview.ports.some(({ range }) => range === 'media'));
  t.is(overview.streams.total, 0);
  t.true(Object.keys(overview.metrics).length > 0);
});

test('The OpenAPI document has every operation of the kernel', async (t) => {
  const server = await startHttp({ tlsPort: 'off' });
  t.teardown(() => server.stop());
  const document = (await (await fetch(`${server.base}/openapi.json`, { headers: { authorization: server.authorization } })).json()) as { paths: Record<string, unknown> };
  const expected = server.kernel.parts.operations.list().map(({ name }) => `/rest-api/${name.replaceAll('.', '/')}`);
  t.deepEqual(Object.keys(document.paths).sort(), expected.sort());
  t.true(expected.length > 10);
});
