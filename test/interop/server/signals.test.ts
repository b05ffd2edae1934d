import { join } from 'node:path';
import test from 'ava';
import { PeerProcess, peerTest } from '../../support/peers.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { until } from '../../support/until.ts';
import { publishLoop, WcsServer } from '../../support/wcs-server.ts';

/** Nobody waits for sessions; this is for a busy machine, and below the time that requests in flight would get. */
const STOP_LIMIT_MS = 4500;
/** A plugin that prepares is waited for: 10 s at most. */
const PREPARE_LIMIT_MS = 14_000;
/** Below the 5 s that a drain has when the server stops. */
const AT_ONCE_MS = 3000;

/** Draining goes on until its limit. */
const STUBBORN_PLUGIN = `
  import { definePlugin } from 'wcs-core';
  export default definePlugin({
    manifest: { name: 'stubborn', version: '1.0.0', apiVersion: '^1.0.0' },
    create: () => ({ drain: () => new Promise(() => undefined) }),
  });
`;

const slow = new PluginFolder('slow', STUBBORN_PLUGIN.replaceAll('stubborn', 'slow').replace('drain:', 'prepare:'));
let starting: WcsServer;
let endedAfterMs: Promise<number>;

// It ends when the time for `prepare` is over: the tests before the last one use that time.
test.before(async () => {
  starting = await WcsServer.spawn({ only: ['http'], plugins: { slow: { path: slow.folder } } });
  await until(() => starting.health(), 'an answer', 60_000);
  const startedAtMs = performance.now();
  starting.child.kill('SIGTERM');
  endedAfterMs = starting.exited.then(() => performance.now() - startedAtMs);
});

test.after.always(async () => {
  await starting.close();
  slow.remove();
});

peerTest('SIGTERM says goodbye to a publisher and a player and exits 0, without waiting for them to leave', ['ffmpeg'], async (t) => {
  const server = await WcsServer.start(t);
  const publisher = publishLoop(t, server, 'demo');
  await server.streamIsLive('demo');
  const file = join(server.folder, 'played.flv');
  const player = new PeerProcess(t, 'ffmpeg', ['-nostdin', '-v', 'error', '-y', '-i', `${server.rtmpUrl}/demo`, '-c', 'copy', file]);
  await until(async () => (await server.stream('demo'))?.viewers === 1, 'the player');
  const startedAtMs = performance.now();
  server.child.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
  t.true(performance.now() - startedAtMs < STOP_LIMIT_MS);
  t.is(server.stderr, '');
  // Both were told or cut: neither hangs on a server that is gone.
  await Promise.all([publisher.finished, player.finished]);
  const labels = server.log.map(({ msg }) => String(msg));
  for (const name of ['rtmp', 'hls', 'http', 'cli', 'websocket', 'webrtc']) t.true(labels.includes(`${name}@1 ends`), labels.join('\n'));
});

test.serial('A second signal exits at once, with the number of the signal', async (t) => {
  const stubborn = new PluginFolder('stubborn', STUBBORN_PLUGIN);
  t.teardown(() => stubborn.remove());
  for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130]] as const) {
    const server = await WcsServer.start(t, { only: ['http'], plugins: { stubborn: { path: stubborn.folder } } });
    server.child.kill('SIGTERM');
    await until(() => server.log.some(({ msg }) => msg === 'http@1 ends'), 'the drain to be under way');
    t.is(server.child.exitCode, null);
    const startedAtMs = performance.now();
    server.child.kill(signal);
    t.deepEqual(await server.exited, { code, signal: null });
    t.true(performance.now() - startedAtMs < AT_ONCE_MS);
  }
});

test.serial('A drain that never ends is cut at its limit, and the server still exits 0', async (t) => {
  const stubborn = new PluginFolder('stubborn', STUBBORN_PLUGIN);
  t.teardown(() => stubborn.remove());
  const server = await WcsServer.start(t, { only: ['http'], plugins: { stubborn: { path: stubborn.folder, drainMs: 500 } } });
  server.child.kill('SIGTERM');
  t.deepEqual(await server.exited, { code: 0, signal: null });
});

test.serial('A signal while plugins still start ends the server all the same', async (t) => {
  t.deepEqual(await starting.exited, { code: 0, signal: null });
  t.true((await endedAfterMs) < PREPARE_LIMIT_MS);
});
