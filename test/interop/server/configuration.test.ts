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

let server: WcsServer;

// One server: every test leaves it as it found it, but the last one.
test.before(async () => {
  server = await WcsServer.open();
});

test.after.always(() => server.close());

const problems = (): string[] => server.log.flatMap((line) => (Array.isArray(line['problems']) ? line['problems'].map(String) : []));
const edit = (plugins: Readonly<Record<string, Settings>>): void => server.writeConfig(configText(server.ports, { plugins }));

test.serial('One line of wcs.yml turns a plugin off and on and moves its port while the server runs', async (t) => {
  const publisher = new RtmpClient(server.ports.rtmp);
  t.teardown(() => publisher.close());
  await publisher.publish('demo');

  edit({ hls: { enabled: false } });
  await until(async () => !(await answers(server.ports.hls)), 'hls to go');
  t.is(await server.pluginHealth('hls'), undefined);
  edit({});
  await until(async () => (await server.pluginHealth('hls'))?.state === 'active', 'hls to come back');
  t.true(await answers(server.ports.hls));

  const [moved = 0] = await freePorts(1);
  edit({ hls: { port: moved } });
  await until(() => answers(moved), 'hls on another port');
  await until(async () => !(await answers(server.ports.hls)), 'the old port to be given up');
  edit({});
  await until(() => answers(server.ports.hls), 'hls where it was');
  t.is((await server.health())?.status, 'ok');
  t.false(publisher.closed, 'the publisher of another plugin noticed nothing');
  t.is((await server.pluginHealth('rtmp'))?.generation, 'rtmp@1');
});

test.serial('"cli: off" as the README writes it turns the plugin off', async (t) => {
  const text = configText(server.ports);
  server.writeConfig(text.replace(/ {2}cli:\n {4}port: \d+\n/, '  cli: off\n'));
  await until(async () => !(await answers(server.ports.ssh)), 'cli to go');
  t.is((await server.health())?.status, 'ok');
  server.writeConfig(text);
  await until(() => answers(server.ports.ssh), 'cli to come back');
});

test.serial('A broken file changes nothing and is reported once with line and key; the mended one counts', async (t) => {
  const good = configText(server.ports);
  const before = JSON.stringify((await server.health())?.plugins);
  const line = good.split('\n').findIndex((each) => each.includes(`port: ${server.ports.hls}`)) + 1;
  server.writeConfig(good.replace(`port: ${server.ports.hls}`, 'port: many'));
  await until(() => problems().length > 0, 'the report');
  t.regex(problems().join(), new RegExp(`^line ${line}, column \\d+: plugins\\.hls\\.port: `));
  server.writeConfig(`${good}\nlog: [`);
  await until(() => problems().some((problem) => problem.startsWith(`line ${good.split('\n').length + 1}`)), 'the second report');
  server.writeConfig(good.replace('host: 127.0.0.1', 'host: ""'));
  await until(() => problems().some((problem) => /^line 2, column \d+: network\.host/.test(problem)), 'the third report');
  t.is(JSON.stringify((await server.health())?.plugins), before);
  const segmentMs = async (): Promise<unknown> => ((await server.call('config.get', { path: 'plugins.hls.segmentMs' })).body as { value: unknown }[])[0]?.value;
  const usual = await segmentMs();
  server.writeConfig(good.replace(`port: ${server.ports.hls}`, `port: ${server.ports.hls}\n    segmentMs: 1000`));
  await until(async () => (await segmentMs()) === 1000, 'the mended file');
  server.writeConfig(good);
  await until(async () => (await segmentMs()) === usual, 'the file of before');
  t.is((await server.health())?.status, 'ok');
});

test.serial('A port that another program has leaves the plugin on its old one and says so', async (t) => {
  edit({ hls: { port: server.ports.rtmp } });
  const failed = await until(async () => (await server.pluginHealth('hls'))?.error, 'the failure');
  t.regex(failed, new RegExp(`Port ${server.ports.rtmp} is in use by this server's own listener .*; set plugins\\.hls\\.port to another port\\.`));
  t.true(await answers(server.ports.hls));
  edit({});
  await until(async () => (await server.pluginHealth('hls'))?.error === undefined, 'the mended file');
});

test.serial('A file that appears later counts, and one that is removed leaves the server as it was', async (t) => {
  rmSync(server.configFile);
  await until(() => problems().some((problem) => problem.includes(server.configFile)), 'the report that the file is gone');
  t.true(await answers(server.ports.hls));
  writeFileSync(join(server.folder, 'other.txt'), 'nothing to do with it');
  edit({ hls: { enabled: false } });
  await until(async () => !(await answers(server.ports.hls)), 'the new file');
});
