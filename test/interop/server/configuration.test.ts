import { rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { RtmpClient } from '../../support/rtmp-client.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';
import { configText, WcsServer, type Settings } from '../../support/wcs-server.ts';

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

const problems = (server: WcsServer): string[] => server.log.flatMap((line) => (Array.isArray(line['problems']) ? line['problems'].map(String) : []));
const edit = (server: WcsServer, plugins: Readonly<Record<string, Settings>>): void => server.writeConfig(configText(server.ports, { plugins }));

test.serial('One line of wcs.yml turns a plugin off and on and moves its port while the server runs', async (t) => {
  const server = await WcsServer.start(t);
  const publisher = new RtmpClient(server.ports.rtmp);
  t.teardown(() => publisher.close());
  await publisher.publish('demo');

  edit(server, { hls: { enabled: false } });
  await until(async () => !(await answers(server.ports.hls)), 'hls to go');
  t.is(await server.pluginHealth('hls'), undefined);
  edit(server, {});
  await until(async () => (await server.pluginHealth('hls'))?.state === 'active', 'hls to come back');
  t.true(await answers(server.ports.hls));

  const [moved = 0] = await freePorts(1);
  edit(server, { hls: { port: moved } });
  await until(() => answers(moved), 'hls on another port');
  await until(async () => !(await answers(server.ports.hls)), 'the old port to be given up');
  t.is((await server.health())?.status, 'ok');
  t.false(publisher.closed, 'the publisher of another plugin noticed nothing');
  t.is((await server.pluginHealth('rtmp'))?.generation, 'rtmp@1');
});

test.serial('"cli: off" as the README writes it turns the plugin off', async (t) => {
  const server = await WcsServer.start(t);
  const text = configText(server.ports);
  server.writeConfig(text.replace(/ {2}cli:\n {4}port: \d+\n/, '  cli: off\n'));
  await until(async () => !(await answers(server.ports.ssh)), 'cli to go');
  t.is((await server.health())?.status, 'ok');
  server.writeConfig(text);
  await until(() => answers(server.ports.ssh), 'cli to come back');
});

test.serial('A broken file changes nothing and is reported once with line and key; the mended one counts', async (t) => {
  const server = await WcsServer.start(t);
  const good = configText(server.ports);
  const before = JSON.stringify((await server.health())?.plugins);
  const line = good.split('\n').findIndex((each) => each.includes(`port: ${server.ports.hls}`)) + 1;
  server.writeConfig(good.replace(`port: ${server.ports.hls}`, 'port: many'));
  await until(() => problems(server).length > 0, 'the report');
  t.regex(problems(server).join(), new RegExp(`^line ${line}, column \\d+: plugins\\.hls\\.port: `));
  server.writeConfig(`${good}\nlog: [`);
  await until(() => problems(server).some((problem) => problem.startsWith(`line ${good.split('\n').length + 1}`)), 'the second report');
  server.writeConfig(good.replace('host: 127.0.0.1', 'host: ""'));
  await until(() => problems(server).some((problem) => /^line 2, column \d+: network\.host/.test(problem)), 'the third report');
  t.is(JSON.stringify((await server.health())?.plugins), before);
  server.writeConfig(good.replace(`port: ${server.ports.hls}`, `port: ${server.ports.hls}\n    segmentMs: 1000`));
  await until(async () => ((await server.call('config.get', { path: 'plugins.hls.segmentMs' })).body as { value: unknown }[])[0]?.value === 1000, 'the mended file');
  t.is((await server.health())?.status, 'ok');
});

test.serial('A port that another program has leaves the plugin on its old one and says so', async (t) => {
  const server = await WcsServer.start(t);
  edit(server, { hls: { port: server.ports.rtmp } });
  const failed = await until(async () => (await server.pluginHealth('hls'))?.error, 'the failure');
  t.regex(failed, new RegExp(`Port ${server.ports.rtmp} is in use by this server's own listener .*; set plugins\\.hls\\.port to another port\\.`));
  t.true(await answers(server.ports.hls));
  edit(server, {});
  await until(async () => (await server.pluginHealth('hls'))?.error === undefined, 'the mended file');
});

test.serial('A file that appears later counts, and one that is removed leaves the server as it was', async (t) => {
  const server = await WcsServer.start(t);
  rmSync(server.configFile);
  await until(() => problems(server).some((problem) => problem.includes(server.configFile)), 'the report that the file is gone');
  t.true(await answers(server.ports.hls));
  writeFileSync(join(server.folder, 'other.txt'), 'nothing to do with it');
  edit(server, { hls: { enabled: false } });
  await until(async () => !(await answers(server.ports.hls)), 'the new file');
});
