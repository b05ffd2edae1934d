import test from 'ava';
import { ADMIN, startHttpApp } from '../../support/http-app.ts';

test('Statistics are shown as text, as JSON and to Prometheus, without a password on this machine', async (t) => {
  const http = await startHttpApp();
  t.teardown(() => http.close());
  http.metrics.gauge({ name: 'connections', group: 'connections_stats', help: 'All connections', read: () => 7 });
  http.metrics.gauge({ name: 'connections_hls', group: 'connections_stats', help: 'HLS viewers', read: () => 2 });
  http.metrics.gauge({ name: 'streams_viewers', group: 'streams_stats', help: 'Viewers', read: () => 2 });
  const text = await fetch(`${http.base}/?action=stat`);
  t.is(text.headers.get('content-type'), 'text/plain; charset=utf-8');
  t.is(await text.text(), '-----connections_stats-----\nconnections=7\nconnections_hls=2\n-----streams_stats-----\nstreams_viewers=2\n');
  t.deepEqual(await (await fetch(`${http.base}/?action=stat&format=json&groups=connections_stats`)).json(), { connections_stats: { connections: 7, connections_hls: 2 } });
  t.is(await (await fetch(`${http.base}/?action=stat&params=connections_hls`)).text(), '-----connections_stats-----\nconnections_hls=2\n');
  const prometheus = await fetch(`${http.base}/metrics`);
  t.regex(prometheus.headers.get('content-type') ?? '', /version=0\.0\.4/);
  t.regex(await prometheus.text(), /^wcs_connections 7$/m);
});

test('Statistics asked for through a proxy need a password', async (t) => {
  const http = await startHttpApp();
  t.teardown(() => http.close());
  for (const path of ['/?action=stat', '/metrics']) {
    t.is((await fetch(http.base + path, { headers: { 'x-forwarded-for': '203.0.113.9' } })).status, 401);
    t.is((await fetch(http.base + path, { headers: { 'x-forwarded-for': '203.0.113.9', authorization: ADMIN } })).status, 200);
  }
});

test('Health is 503 while plugins start and stop, else 200, and tells the sentence of an error on this machine only', async (t) => {
  const http = await startHttpApp();
  t.teardown(() => http.close());
  const ask = async (headers = {}) => {
    const response = await fetch(`${http.base}/health`, { headers });
    return { code: response.status, body: (await response.json()) as { status: string } };
  };
  http.health = { ...http.health, status: 'starting', plugins: [{ name: 'http', state: 'active' }, { name: 'rtmp', state: 'loading' }] };
  t.like(await ask(), { code: 503, body: { status: 'starting' } });
  http.health = { ...http.health, status: 'ok', plugins: [{ name: 'http', state: 'active', generation: 'http@1' }] };
  t.deepEqual(await ask(), { code: 200, body: { status: 'ok', version: '9.9.9', uptimeMs: 5000, plugins: [{ name: 'http', state: 'active', generation: 'http@1' }] } as never });
  http.health = { ...http.health, status: 'degraded', plugins: [{ name: 'rtsp', state: 'failed', error: 'Port 554 …' }] };
  t.deepEqual(await ask(), { code: 200, body: { status: 'degraded', version: '9.9.9', uptimeMs: 5000, plugins: [{ name: 'rtsp', state: 'failed', error: 'Port 554 …' }] } as never });
  t.deepEqual(await ask({ 'x-forwarded-for': '203.0.113.9' }), { code: 200, body: { status: 'degraded', version: '9.9.9', uptimeMs: 5000, plugins: [{ name: 'rtsp', state: 'failed' }] } as never });
  http.health = { ...http.health, status: 'stopping' };
  t.is((await ask()).code, 503);
});

test('Pages come with a policy, their type and a tag that saves sending them again', async (t) => {
  const http = await startHttpApp({ hlsPort: 9082 });
  t.teardown(() => http.close());
  for (const [path, type] of [['/', 'html'], ['/player?name=x', 'html'], ['/publish', 'html'], ['/api', 'html'], ['/assets/dashboard.js', 'javascript'], ['/assets/webrtc.js', 'javascript'], ['/assets/style.css', 'css'], ['/assets/hls.min.js', 'javascript'], ['/favicon.ico', 'svg']] as const) {
    const response = await fetch(http.base + path);
    t.is(response.status, 200, path);
    t.regex(response.headers.get('content-type') ?? '', new RegExp(type));
    t.is(response.headers.get('x-content-type-options'), 'nosniff');
    if (type === 'html') t.regex(response.headers.get('content-security-policy') ?? '', /default-src 'none'; script-src 'self'/);
    const again = await fetch(http.base + path, { headers: { 'if-none-match': response.headers.get('etag') ?? '' } });
    t.is(again.status, 304, path);
  }
  t.regex((await fetch(`${http.base}/player`)).headers.get('content-security-policy') ?? '', /http:\/\/\*:9082/);
});
