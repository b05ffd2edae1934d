import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import test from 'ava';
import ssh2 from 'ssh2';
import { freePorts, startTestKernel, type TestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const GRACE_MS = 1_500;
const MAX_LOGINS = 4;

interface Parts {
  readonly server: TestKernel;
  readonly port: number;
}

let parts: Parts;

test.serial.before(async () => {
  const [port = 0] = await freePorts(1);
  parts = { port, server: await startTestKernel({ plugins: { cli: { port, loginGraceMs: GRACE_MS, maxLogins: MAX_LOGINS } } }) };
});

test.serial.after.always(() => parts.server.stop());

/** A plain connection to the port; `ended` is when the server has closed it. */
function plain(): { socket: Socket; ended: Promise<number> } {
  const socket = connect(parts.port, '127.0.0.1');
  const startedAt = Date.now();
  socket.on('error', () => undefined);
  socket.resume();
  return { socket, ended: new Promise((resolve) => socket.on('close', () => resolve(Date.now() - startedAt))) };
}

/** Logs in as administrator with the ssh2 client. */
function login(prepare: (client: ssh2.Client) => void = () => undefined): Promise<ssh2.Client> {
  const client = new ssh2.Client();
  prepare(client);
  return new Promise((resolve, reject) => {
    client.on('ready', () => resolve(client)).on('error', reject);
    client.connect({ host: '127.0.0.1', port: parts.port, username: 'admin', password: parts.server.password });
  });
}

function exec(client: ssh2.Client, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => {
      if (error) return reject(error);
      let out = '';
      channel.on('data', (chunk: Buffer) => (out += chunk.toString())).on('close', () => resolve(out));
    });
  });
}

async function stillServes(): Promise<boolean> {
  const client = await login();
  const out = await exec(client, 'plugin list');
  client.end();
  await until(() => parts.server.kernel.parts.sessions.count('ssh') === 0, 'no session left');
  return /^cli +active/m.test(out);
}

const IDENT = 'SSH-2.0-hostile\r\n';

const ATTACKS: Readonly<Record<string, (socket: Socket) => void>> = {
  'random bytes': (socket) => socket.write(randomBytes(100_000)),
  'a giant banner without an end': (socket) => {
    const line = Buffer.alloc(65_536, 0x41);
    const more = (): void => {
      if (socket.writable) socket.write(line, () => setImmediate(more));
    };
    more();
  },
  'many banner lines': (socket) => socket.write('x\r\n'.repeat(100_000)),
  'a handshake that stops': (socket) => socket.write(IDENT),
  'silence': () => undefined,
  'a packet of the greatest length': (socket) => socket.write(Buffer.concat([Buffer.from(IDENT), Buffer.alloc(4, 0xff), randomBytes(1000)])),
  'random bytes behind the identification': (socket) => socket.write(Buffer.concat([Buffer.from(IDENT), randomBytes(100_000)])),
  'an end at once': (socket) => socket.end(),
  'a reset behind the identification': (socket) => void socket.write(IDENT, () => socket.resetAndDestroy()),
};

for (const [name, attack] of Object.entries(ATTACKS)) {
  test.serial(`the server outlives ${name} and ends that connection`, async (t) => {
    const { socket, ended } = plain();
    socket.once('connect', () => attack(socket));
    const tookMs = await ended;
    t.true(tookMs < GRACE_MS + 2_000, `${tookMs} ms`);
    t.true(await stillServes());
  });
}

test.serial('connections that do not log in are limited in number', async (t) => {
  const open = Array.from({ length: MAX_LOGINS + 3 }, plain);
  const first = await Promise.race(open.map(({ ended }) => ended));
  t.true(first < GRACE_MS, 'those beyond the limit end at once');
  await Promise.all(open.map(({ ended }) => ended));
  t.true(await stillServes());
});

test.serial('a channel with packets of no size does not hang the server', async (t) => {
  const client = await login();
  client.on('error', () => undefined);
  const { _protocol: protocol } = client as unknown as { _protocol: { session(channel: number, window: number, packet: number): void } };
  const session = protocol.session.bind(protocol);
  protocol.session = (channel, window) => session(channel, window, 0);
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()));
  client.exec('plugin list', () => undefined);
  await closed;
  t.true(await stillServes());
});

test.serial('a peer that asks on and on without reading is made to wait', async (t) => {
  const client = await login();
  const done = new Promise<void>((resolve) => client.on('close', () => resolve()));
  client.shell(false, (error, channel) => {
    if (error) throw error;
    channel.pause();
    channel.write('help\n'.repeat(20_000));
  });
  const session = await until(() => parts.server.kernel.parts.sessions.list({ protocol: 'ssh' })[0]);
  // The client's window is 2 MiB, which the server fills and then waits.
  let before = -1;
  await until(async () => {
    const same = session.bytesOut() === before && before > 1024 * 1024;
    before = session.bytesOut();
    await new Promise((resolve) => setTimeout(resolve, 200));
    return same;
  });
  t.true(session.bytesOut() < 8 * 1024 * 1024);
  client.destroy();
  await done;
  t.true(await stillServes());
});

test.serial('no fault of the plugin was counted and the log names no password', (t) => {
  t.false(parts.server.logLines.some((line) => /"level":"error"|fault/.test(line)), parts.server.logLines.filter((line) => /error|fault/.test(line)).join('\n'));
  t.false(parts.server.logLines.some((line) => line.includes(parts.server.password)));
});
