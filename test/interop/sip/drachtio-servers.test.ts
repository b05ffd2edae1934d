import { createServer, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { Agents, type AgentPlace } from '../../../plugins/sip/calls/agents.ts';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../../../plugins/sip/engine/wire/control-frame.ts';
import { responseTo } from '../../../plugins/sip/engine/session/agent-core.ts';
import { applicationText, parseApplicationMessage } from '../../../plugins/sip/engine/wire/application-text.ts';
import type { SipRequest } from '../../../plugins/sip/engine/wire/sip-message.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { sipEntry, startCallServer, type CallServer } from '../../support/sip/call-server.ts';
import { startExternalServer, type ExternalServer } from '../../support/sip/external-server.ts';
import { FakeRegistrar } from '../../support/sip/fake-registrar.ts';
import { startSipApp } from '../../support/sip/sip-app.ts';
import { until } from '../../support/until.ts';

const USERS_EACH = 4;

interface Health {
  readonly status: string;
  readonly plugins: readonly { readonly name: string; readonly trouble?: string }[];
}

const troubleOf = ({ kernel }: CallServer): string | undefined => (kernel.kernel.status.health() as Health).plugins.find(({ name }) => name === 'sip')?.trouble;
const statusesOf = async (server: CallServer): Promise<Record<string, string>> =>
  Object.fromEntries(((await server.call<{ callId: string; status: string }[]>('call.find_all').catch(() => []))).map(({ callId, status }) => [callId, status]));

/** So many users of each server. */
function usersOf(externals: readonly ExternalServer[], domain: string): string[] {
  const agents = new Agents(externals.map(({ host: { address } }) => ({ name: address, connected: true, holds: () => false }) as unknown as AgentPlace));
  const candidates = Array.from({ length: 200 }, (_unused, index) => `user${index}`);
  return externals.flatMap(({ host: { address } }) => candidates.filter((user) => agents.of(`sip:${user}@${domain}`).name === address).slice(0, USERS_EACH));
}

async function isConnected(server: CallServer): Promise<unknown> {
  return until(() => troubleOf(server) === undefined, 'all SIP servers', 20_000);
}

test('two servers elsewhere: users keep theirs, one that goes takes its own calls only, its users move and come back, and a swap is not noticed', async (t) => {
  const plugin = new PluginUnderTest('sip', sipEntry);
  t.teardown(() => plugin.remove());
  const externals: readonly ExternalServer[] = await Promise.all([startExternalServer(t), startExternalServer(t, true)]);
  const [registrar, peer] = [await FakeRegistrar.start(t), await startSipApp(t)];
  const server = await startCallServer(t, { drachtio: { hosts: externals.map(({ host }) => host) }, registration: { keepAlive: 'off' } }, {}, plugin.folder);
  await isConnected(server);

  const domain = `127.0.0.1:${registrar.port}`;
  const users = usersOf(externals, domain);
  const portOf = (user: string): number | undefined => registrar.portsOf(user)[0];
  for (const user of users) await server.call('api.create-session', { sipLogin: user, sipDomain: domain, sipRegisterRequired: true });
  await until(() => users.every((user) => portOf(user) !== undefined), 'all registrations');
  const before = new Map(users.map((user) => [user, portOf(user)!]));
  const [lost, kept] = externals[0]!.port === before.get(users[0]!) ? externals : [...externals].reverse();
  const ofPort = (port: number): string[] => users.filter((user) => before.get(user) === port);
  t.deepEqual([...new Set(before.values())].sort(), externals.map(({ port }) => port).sort(), 'both have users');

  for (const user of users) await server.call('api.call', { sipLogin: user, callId: user, callee: `sip:echo@127.0.0.1:${peer.port}`, toStream: `of-${user}` });
  await until(async () => Object.values(await statusesOf(server)).filter((status) => status === 'ESTABLISHED').length === users.length, 'all answers');
  t.is((await peer.state()).dialogs.length, users.length);

  const connections = externals.map((one) => one.connections);
  plugin.writeGood();
  await server.call('plugin.reload', { name: 'sip' });
  t.deepEqual(Object.keys(await statusesOf(server)).sort(), [...users].sort());
  t.deepEqual(externals.map((one) => one.connections), connections, 'the connections go along');
  // A change and a BYE of the other side find their call in the new version.
  const [first = ''] = (await peer.state()).dialogs;
  t.regex(await peer.call('modify', { id: first, direction: 'sendonly' }), /a=recvonly/);
  await peer.call('hangup', { id: first });
  await until(async () => Object.keys(await statusesOf(server)).length === users.length - 1, 'the BYE');
  const left = Object.keys(await statusesOf(server));

  await lost!.cut();
  await until(async () => Object.keys(await statusesOf(server)).every((user) => before.get(user) === kept!.port), 'the end of the calls there', 20_000);
  t.deepEqual(Object.keys(await statusesOf(server)).sort(), left.filter((user) => before.get(user) === kept!.port).sort(), 'the others go on');
  t.regex(troubleOf(server)!, new RegExp(`SIP servers not connected: ${lost!.host.address} `));
  await until(() => ofPort(lost!.port).every((user) => registrar.portsOf(user).includes(kept!.port)), 'its users to move', 20_000);
  t.true(ofPort(kept!.port).every((user) => registrar.seen.filter((one) => one.user === user).length === 1), 'the others had no need to');

  await lost!.mend();
  await isConnected(server);
  t.is((server.kernel.kernel.status.health() as Health).status, 'ok');
  await until(() => ofPort(lost!.port).every((user) => registrar.portsOf(user).join() === String(lost!.port)), 'its users to come back, and not to be where they have been', 20_000);
  await until(async () => (await peer.state()).dialogs.length === Object.keys(await statusesOf(server)).length, 'the other sides of the lost calls to hear a BYE', 20_000);

  const printed = JSON.stringify([server.kernel.logLines, await server.call('config.get'), await server.call('session.list')]);
  for (const { host } of externals) t.false(printed.includes(host.secret), 'a secret is nobody’s business');
  for (const user of users) await server.call('api.terminate', { sipLogin: user });
  await until(async () => (await peer.state()).dialogs.length === 0, 'the end of all calls');
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

/** What differs between drachtio-servers of different ages. */
interface Shape {
  readonly greeting: readonly string[];
  /** Fields of a message behind its dialog. */
  readonly more: readonly string[];
}

const shapes: Readonly<Record<string, Shape>> = {
  '0.6': { greeting: ['udp/127.0.0.1:5060'], more: [] },
  '0.9': { greeting: ['udp/127.0.0.1:5060,tcp/127.0.0.1:5060', 'v0.9.10', 'udp/127.0.0.1:5060'], more: ['127.0.0.1', '5060', ''] },
  'with session tokens': { greeting: ['udp/127.0.0.1:5060', 'v0.8.26-rc1', ''], more: ['127.0.0.1', '5060', 'token', ''] },
};

/** A drachtio-server that answers every REGISTER, and says what it was told. */
async function scripted(t: ExecutionContext, { greeting, more }: Shape): Promise<{ address: string; received: ControlMessage[]; tell(payload: string, transactionId: string): void }> {
  const received: ControlMessage[] = [];
  const sockets: Socket[] = [];
  const write = (message: Omit<ControlMessage, 'id'>): void => void sockets.at(-1)?.write(encodeControlMessage({ id: randomUUID(), ...message }));
  const facts = (source: string, payload: string, transactionId: string): string[] => [source, String(payload.length), 'udp', '127.0.0.1', '5060', '12:00:00.000000', transactionId];
  const tell = (payload: string, transactionId: string): void => write({ kind: 'sip', fields: [...facts('network', payload, transactionId), '', ...more], payload });
  const onMessage = (message: ControlMessage): void => {
    received.push(message);
    const answer = (fields: readonly string[], payload = ''): void => write({ kind: 'response', fields: [message.id, ...fields], payload });
    if (message.kind === 'authenticate') return answer(message.fields[0] === 'cymru' ? ['OK', ...greeting] : ['NO', 'incorrect secret']);
    if (message.kind !== 'sip') return answer(['OK']);
    const transactionId = message.fields[0] === '' ? randomUUID() : message.fields[0]!;
    if (message.payload.startsWith('SIP/2.0')) return answer(['OK', ...facts('application', message.payload, transactionId), '', ''], message.payload);
    const request = parseApplicationMessage(message.payload) as SipRequest;
    request.headers.set('From', `${request.headers.get('From')!};tag=1`);
    for (const [name, value] of [['Via', 'SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1'], ['Call-ID', 'c1'], ['CSeq', `1 ${request.method}`]] as const) request.headers.set(name, value);
    const sent = applicationText(request);
    answer(['OK', ...facts('application', sent, transactionId), 'Msg sent:', ''], sent);
    tell(applicationText(responseTo(request, 200, 'OK', '2')), transactionId);
  };
  const listener = createServer((socket) => {
    sockets.push(socket);
    const framer = new ControlFramer();
    socket.on('error', () => undefined).on('data', (data) => framer.feed(data, onMessage));
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  const { port } = listener.address() as { port: number };
  return { address: `127.0.0.1:${port}`, received, tell };
}

for (const [age, shape] of Object.entries(shapes)) {
  test(`a drachtio-server as of ${age}: an account is registered, and a request of others answered`, async (t) => {
    const drachtio = await scripted(t, shape);
    const server = await startCallServer(t, { drachtio: { hosts: [{ address: drachtio.address, secret: 'cymru' }] } });
    await isConnected(server);
    await server.call('api.create-session', { sipLogin: 'us', sipDomain: '127.0.0.1', sipRegisterRequired: true });
    await until(async () => (await server.call<{ status: string }[]>('api.find_all'))[0]?.status === 'REGISTERED', 'the registration');
    drachtio.tell('OPTIONS sip:us@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=3\r\nTo: <sip:us@127.0.0.1>\r\nCall-ID: c2\r\nCSeq: 1 OPTIONS\r\n\r\n', 't2');
    const answer = await until(() => drachtio.received.find(({ fields, payload }) => fields[0] === 't2' && payload.startsWith('SIP/2.0 200')), 'the answer');
    t.regex(answer.payload, /\r\nAccept: application\/sdp, text\/plain\r\n/);
    const pings = drachtio.received.filter(({ kind }) => kind === 'ping').length;
    t.is(pings, 0, 'not so soon');
  });
}

test('a wrong secret is a trouble that is told without it, and no calls without an exchange are a setting that is refused', async (t) => {
  const drachtio = await scripted(t, shapes['0.9']!);
  const server = await startCallServer(t, { drachtio: { hosts: [{ address: drachtio.address, secret: 'a-guess' }] } });
  const trouble = await until(() => (troubleOf(server)?.includes('secret') === true ? troubleOf(server) : undefined), 'the refusal');
  t.regex(trouble, /it does not take the secret/);
  t.false(server.kernel.logLines.join('').includes('a-guess'));
  await t.throwsAsync(server.call('call.startup', { callee: 'x', sipLogin: 'us', sipDomain: '127.0.0.1', callId: 'x' }).then(() => until(async () => (await statusesOf(server))['x'] === undefined, 'the end').then(() => Promise.reject(new Error('ended')))), { message: 'ended' });
  await t.throwsAsync(startCallServer(t, { localCalls: true, drachtio: { hosts: [{ address: drachtio.address, secret: 'cymru' }] } }), { message: /only the embedded engine has calls without an exchange/ });
});
