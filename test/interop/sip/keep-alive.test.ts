import { createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import type { SipRequest } from '../../../plugins/sip/engine/wire/sip-message.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { startCallServer } from '../../support/sip/call-server.ts';
import { RawSipClient, rawCall } from '../../support/sip/raw-client.ts';
import { until } from '../../support/until.ts';

const KEPT = { keepAliveS: 1 };

/** A registrar over TCP that takes everybody, and writes down what it is sent. */
async function startRegistrar(t: ExecutionContext): Promise<{ port: number; requests: SipRequest[]; pings: () => number; sockets: Socket[] }> {
  const requests: SipRequest[] = [];
  const sockets: Socket[] = [];
  let pings = 0;
  const server = createServer((socket) => {
    const framer = new StreamFramer();
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data) =>
      framer.feed(data, (framed) => {
        if (framed.type === 'ping') {
          pings++;
          socket.write('\r\n');
        }
        if (framed.type !== 'message' || framed.parsed.message.type !== 'request') return;
        const { message } = framed.parsed;
        requests.push(message);
        const lines = ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact'].map((name) => `${name}: ${message.headers.get(name) ?? ''}${name === 'To' ? ';tag=r' : ''}`);
        socket.write(`SIP/2.0 200 OK\r\n${lines.filter((line) => !line.endsWith(': ')).join('\r\n')}\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n`);
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port: (server.address() as AddressInfo).port, requests, pings: () => pings, sockets };
}

const session = (port: number, more: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, unknown>> => ({ sipLogin: '1001', sipDomain: 'pbx.test', sipOutboundProxy: `127.0.0.1:${port};transport=tcp`, sipRegisterRequired: true, ...more });

test('the way to a registrar is kept open by CRLF, and an account whose connection is lost registers anew', async (t) => {
  const registrar = await startRegistrar(t);
  const server = await startCallServer(t, { registration: KEPT });
  t.like(await server.call('api.create-session', session(registrar.port, { sipPassword: 'secret' })), { sipLogin: '1001', sipRegisterRequired: true });
  await until(async () => (await server.call<{ status: string }[]>('api.find_all'))[0]?.status === 'REGISTERED', 'the registration');
  t.regex(registrar.requests[0]!.headers.get('Contact')!, /^<sip:[\da-f]{24}@[\d.:]+;transport=tcp>;\+sip\.instance="<urn:uuid:[\da-f-]{36}>"$/);
  await until(() => registrar.pings() >= 2, 'keep-alives');
  registrar.sockets[0]!.destroy();
  await until(() => registrar.requests.length === 2, 'another registration');
  const [first, second] = registrar.requests.map(({ headers }) => headers);
  t.is(second!.get('Contact')?.split(';+')[1], first!.get('Contact')?.split(';+')[1], 'the same instance');
  t.is(second!.get('Call-ID'), first!.get('Call-ID'));
  await server.call('api.terminate', { sipLogin: '1001' });
  await until(() => registrar.requests.at(-1)?.headers.get('Expires') === '0', 'the end of the registration');
  await t.throwsAsync(server.call('api.find_all'), { code: 'SESSION_E_NOT_FOUND' });
  t.false(server.kernel.logLines.join('').includes('"secret"'));
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

test('or by OPTIONS; and ours are answered with what we take, of which nothing is done for strangers', async (t) => {
  const registrar = await startRegistrar(t);
  const server = await startCallServer(t, { registration: { ...KEPT, keepAlive: 'options' } });
  await server.call('api.create-session', session(registrar.port));
  await until(() => registrar.requests.filter(({ method }) => method === 'OPTIONS').length >= 2, 'OPTIONS');
  t.deepEqual([registrar.requests.filter(({ method }) => method === 'REGISTER').length, registrar.pings(), registrar.sockets.length], [1, 0, 1]);
  const client = new RawSipClient(server.port, 'udp');
  t.teardown(() => client.close());
  const { status, headers } = await client.request('OPTIONS', rawCall('sip:127.0.0.1'));
  t.deepEqual([status, headers.tokens('Supported').includes('replaces'), headers.get('Allow')?.includes('REFER'), headers.get('Accept')], [200, true, true, 'application/sdp, text/plain']);
  for (const [method, refusal] of [['REFER', 603], ['NOTIFY', 489], ['SUBSCRIBE', 489], ['MESSAGE', 404]] as const) t.is((await client.request(method, rawCall('sip:nobody@127.0.0.1'))).status, refusal, method);
});

peerTest('an account of the REST interface registers at kamailio over TCP, calls, and hangs up', ['kamailio'], async (t) => {
  const [server, pbx] = await Promise.all([startCallServer(t, { registration: KEPT }), startKamailio(t)]);
  await server.call('api.create-session', session(pbx.port, { sipPassword: 'secret-1001' }));
  await until(async () => (await server.call<{ status: string }[]>('api.find_all'))[0]?.status === 'REGISTERED', 'the registration');
  await t.throwsAsync(server.call('api.create-session', session(pbx.port)), { code: 'OPERATION_E_CONFLICT' });
  await t.throwsAsync(server.call('api.call', { sipLogin: '1002', callee: '486' }), { code: 'SESSION_E_NOT_FOUND' });
  t.like(await server.call('api.call', { sipLogin: '1001', callee: '408', callId: 'silent' }), { callId: 'silent', caller: '1001', callee: '408' });
  await until(async () => (await server.statusOf('silent')) === 'TRYING', 'the call');
  await server.call('api.hangup', { callId: 'silent' });
  t.is(await server.statusOf('silent'), undefined);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
