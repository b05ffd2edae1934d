import { createServer, type AddressInfo } from 'node:net';
import { statSync } from 'node:fs';
import test from 'ava';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { until } from '../../support/until.ts';
import { WcsServer } from '../../support/wcs-server.ts';

const SLOW_PREPARE_MS = 1500;
const SLOW_PLUGIN = `
  import { definePlugin } from 'wcs-core';
  export default definePlugin({
    manifest: { name: 'slow', version: '1.0.0', apiVersion: '^1.0.0' },
    create: (ctx) => ({ prepare: () => new Promise((resolve) => ctx.timers.after(${SLOW_PREPARE_MS}, resolve)) }),
  });
`;

test.serial('The first start prints every listener, the dashboard and a password that works; the second start prints no password', async (t) => {
  const state = temporaryFolder(t);
  const server = await WcsServer.start(t, { knownPassword: false, stateDir: state });
  await until(() => /Admin password .*\n/.test(server.stdout), 'the password');
  const { rtmp, hls, hlsTls, http, httpTls, ssh, webSocket: websocket, webSocketTls, media: webrtc } = server.ports;
  const text = server.printed.join('\n');
  for (const [name, port] of Object.entries({ rtmp, hls, http, cli: ssh, websocket, webrtc })) t.regex(text, new RegExp(`^  ${name} .*127\\.0\\.0\\.1:${port}$`, 'm'));
  for (const port of [hlsTls, httpTls, webSocketTls]) t.regex(text, new RegExp(`127\\.0\\.0\\.1:${port}$`, 'm'));
  t.true(text.includes(`http://localhost:${http}/  user admin`), text);
  const password = /Admin password \(shown this once\): (\S+)/.exec(text)?.[1] ?? '';
  t.true(password.length >= 12);
  t.is((await server.call('plugin.list')).status, 200);
  t.false(server.log.some((line) => JSON.stringify(line).includes(password)), 'the password is in no log line');
  t.is(statSync(state).mode & 0o777, 0o700);
  server.child.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });

  const second = await WcsServer.start(t, { knownPassword: false, stateDir: state });
  const answer = await fetch(`http://127.0.0.1:${second.ports.http}/rest-api/plugin/list`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`admin:${password}`).toString('base64')}` },
  });
  t.is(answer.status, 200, 'the password of the first start still counts');
  t.false(second.stdout.includes('password'), second.stdout);
});

test.serial('Health is 503 while a plugin still prepares, then 200 with the plugins', async (t) => {
  const slow = new PluginFolder('slow', SLOW_PLUGIN);
  t.teardown(() => slow.remove());
  const server = await WcsServer.launch(t, { plugins: { slow: { path: slow.folder } } });
  const early = await until(() => server.health(), 'an answer', 30_000);
  t.is(early.httpStatus, 503);
  t.is(early.status, 'starting');
  await server.running();
  const late = await server.health();
  t.like(late, { httpStatus: 200, status: 'ok' });
  t.deepEqual(late?.plugins.filter(({ state }) => state !== 'active'), []);
  t.true(late?.plugins.some(({ name }) => name === 'slow'));
});

test.serial('A wrong wcs.yml ends the start with code 1, naming line and key', async (t) => {
  const cases: readonly (readonly [text: string, said: RegExp])[] = [
    ['log:\n  level: loud\n', /line 2, column \d+: log\.level/],
    ['network:\n  host: 127.0.0.1\nports:\n  media: { from: 40000, to: 3 }\n', /line 4, column \d+: ports\.media/],
    ['log: { level: info }\nplugns: {}\n', /line 2, column \d+: plugns/],
    ['log:\n  level: "info\n', /line \d, column \d+/],
  ];
  await Promise.all(cases.map(async ([text, said]) => {
    const server = await WcsServer.launch(t, { text });
    t.deepEqual(await server.exited, { code: 1, signal: null }, text);
    t.regex(server.stderr, said);
    t.regex(server.stderr, /^wcs-core could not start: .*wcs\.yml/m);
    t.false(/^\s+at /m.test(server.stderr), 'a sentence, no stack');
  }));
});

test.serial('A port that is taken fails that plugin alone, with a sentence that says what to do', async (t) => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.teardown(() => other.close());
  const { port } = other.address() as AddressInfo;
  const server = await WcsServer.start(t, { plugins: { hls: { port } } });
  const sentence = `Port ${port} is in use by another program; stop it or set plugins.hls.port to another port.`;
  await until(() => server.printed.some((line) => line.includes('NOT SERVING') && line.includes(sentence)), 'the sentence');
  const health = await server.health();
  t.like(health, { httpStatus: 200, status: 'degraded' });
  t.like(health?.plugins.find(({ name }) => name === 'hls'), { state: 'failed', error: sentence });
  t.deepEqual(health?.plugins.filter(({ state }) => state !== 'active').map(({ name }) => name), ['hls']);
  const publisher = new RtmpClient(server.ports.rtmp);
  t.teardown(() => publisher.close());
  await publisher.publish('demo');
  await new Promise((resolve) => other.close(resolve));
  t.is((await server.call('plugin.enable', { name: 'hls' })).status, 200, 'it serves when the port is free again');
  t.is((await server.health())?.status, 'ok');
});
