import { connect, type Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import test, { type ExecutionContext } from 'ava';
import { ControlFramer, encodeControlMessage, type ControlMessage } from '../../../plugins/sip/engine/wire/control-frame.ts';
import { startExternalServer } from '../../support/sip/external-server.ts';
import { startSipApp, startSipAppOn, type SipAppServer } from '../../support/sip/sip-app.ts';
import { RawSipClient, rawCall } from '../../support/sip/raw-client.ts';
import { until } from '../../support/until.ts';

// The shapes are those of drachtio-server 0.9: what drachtio-srf reads them by is the position of each field. They are the same
// before the engine in this process and before a server elsewhere.

interface Access {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

class ControlClient {
  readonly received: ControlMessage[] = [];
  closed = false;
  readonly socket: Socket;

  constructor(t: ExecutionContext, { host, port }: Access) {
    const framer = new ControlFramer();
    this.socket = connect(port, host);
    this.socket.on('data', (data) => framer.feed(data, (message) => this.received.push(message)));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
    t.teardown(() => this.socket.destroy());
  }

  /** Sends a command in pieces of `size` bytes, and answers with what comes for it. */
  async command(kind: string, fields: readonly string[] = [], payload = '', size = 10_000): Promise<readonly string[] & { payload?: string }> {
    const id = randomUUID();
    const bytes = encodeControlMessage({ id, kind, fields, payload });
    for (let at = 0; at < bytes.length; at += size) this.socket.write(bytes.subarray(at, at + size));
    const answer = await until(() => this.received.find((message) => message.kind === 'response' && message.fields[0] === id), `the answer to ${kind}`);
    return Object.assign(answer.fields.slice(1), { payload: answer.payload });
  }
}

async function authenticated(t: ExecutionContext, app: SipAppServer): Promise<ControlClient> {
  const access = await app.call<Access>('control');
  const client = new ControlClient(t, access);
  t.is((await client.command('authenticate', [access.secret, 'tag']))[0], 'OK');
  return client;
}

const shapes = {
  embedded: (t: ExecutionContext): Promise<SipAppServer> => startSipApp(t),
  elsewhere: async (t: ExecutionContext): Promise<SipAppServer> => startSipAppOn(t, await startExternalServer(t)),
};

for (const [shape, start] of Object.entries(shapes)) {
  test.serial(`${shape}: the secret lets in, byte by byte too, and says where and what the engine is`, async (t) => {
    const app = await start(t);
    const access = await app.call<Access>('control');
    const [ok, hostPorts, version, localHostPorts] = await new ControlClient(t, access).command('authenticate', [access.secret, ''], '', 1);
    t.is(ok, 'OK');
    if (shape === 'embedded') t.is(hostPorts, `udp/127.0.0.1:${app.port},tcp/127.0.0.1:${app.port}`);
    t.is(localHostPorts, hostPorts);
    t.regex(version!, /^v\d+\.\d+\.\d+$/);
  });

  test.serial(`${shape}: a wrong secret, a command before the secret, and a length that is none end the connection`, async (t) => {
    const app = await start(t);
    const access = await app.call<Access>('control');
    const wrong = new ControlClient(t, access);
    t.deepEqual([...(await wrong.command('authenticate', ['guess', '']))], ['NO', 'incorrect secret']);
    const early = new ControlClient(t, access);
    early.socket.write(encodeControlMessage({ id: 'x', kind: 'route', fields: ['invite'], payload: '' }));
    const broken = new ControlClient(t, access);
    broken.socket.write('12345678#');
    await until(() => wrong.closed && early.closed && broken.closed, 'all to be closed');
    t.is((await app.call<{ status: number }>('request', { method: 'OPTIONS', uri: `sip:x@127.0.0.1:${app.port}` })).status, 200, 'drachtio-srf goes on');
  });

  test.serial(`${shape}: route, remove_route and ping are answered, and what is not known is refused`, async (t) => {
    const client = await authenticated(t, await start(t));
    t.deepEqual([...(await client.command('route', ['invite']))], ['OK']);
    t.deepEqual([...(await client.command('remove_route', ['invite']))], ['OK']);
    t.deepEqual([...(await client.command('ping'))], ['OK', 'pong']);
    t.is((await client.command('proxy', ['x', '', '', '', 'serial', '', '', 'sip:a@b'], 'OPTIONS sip:a@b SIP/2.0\r\n\r\n'))[0], 'NOK');
    t.deepEqual([...(await client.command('sip', ['', 'nobody;from-tag=x'], 'BYE sip:placeholder SIP/2.0\r\n\r\n'))], ['NOK', 'unable to find dialog']);
    t.is((await client.command('sip', ['', ''], 'nonsense'))[0], 'NOK');
  });

  test.serial(`${shape}: a request goes out, and comes in, with every field in its place`, async (t) => {
    const app = await start(t);
    const client = await authenticated(t, app);
    await client.command('route', ['message']);
    const sent = await client.command('sip', ['', ''], `MESSAGE sip:you@127.0.0.1:${app.port} SIP/2.0\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\ngrün 🌲`, 7);
    const [ok, source, bytes, protocol, address, port, time, transactionId, text] = sent;
    t.deepEqual([ok, source, protocol, address, port, text], ['OK', 'application', 'udp', '127.0.0.1', String(app.port), 'Msg sent:']);
    t.is(Number(bytes), Buffer.byteLength(sent.payload!));
    t.regex(time!, /^\d\d:\d\d:\d\d\.\d{6}$/);
    t.regex(sent.payload!, /^Via: SIP\/2\.0\/UDP 127\.0\.0\.1:\d+;branch=z9hG4bK/m);
    t.true(sent.payload!.endsWith('\r\n\r\ngrün 🌲'), 'the body is not cut at a length in characters');
    // It went to ourselves: the engine hands it to the client that came last.
    const incoming = await until(() => client.received.find(({ kind, payload }) => kind === 'sip' && payload.startsWith('MESSAGE')), 'the request');
    const [from, , by, fromAddress, , , theirs = '', dialogId, last] = incoming.fields;
    t.deepEqual([from, by, fromAddress, dialogId, last], ['network', 'udp', '127.0.0.1', '', '']);
    const answered = await client.command('sip', [theirs, ''], 'SIP/2.0 202 Accepted\r\nX-Note: yes\r\n\r\n');
    t.is(answered[0], 'OK');
    t.is(answered[7], theirs);
    const response = await until(() => client.received.find(({ kind, payload }) => kind === 'sip' && payload.startsWith('SIP/2.0 202')), 'the response');
    t.is(response.fields[6], transactionId);
    t.regex(response.payload, /X-Note: yes/);
  });

  test.serial(`${shape}: a call that nobody wants is refused, and an INVITE has its dialog named from the answer on`, async (t) => {
    const app = await start(t);
    const client = await authenticated(t, app);
    const peer = new RawSipClient(app.port, 'udp');
    t.teardown(() => peer.close());
    t.is((await peer.request('INVITE', rawCall('sip:us@127.0.0.1'))).status, 503);
    await client.command('route', ['invite']);
    const call = rawCall('sip:us@127.0.0.1');
    const answer = peer.request('INVITE', call);
    const invite = await until(() => client.received.find(({ payload }) => payload.startsWith('INVITE')), 'the INVITE');
    const sdp = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n';
    const outcome = await client.command('sip', [invite.fields[6]!, ''], `SIP/2.0 200 OK\r\nContact: <sip:us@localhost>\r\n\r\n${sdp}`);
    t.is(outcome[8], `${call.id};from-tag=${call.id}`);
    const response = await answer;
    t.is(response.headers.get('Contact'), `<sip:us@127.0.0.1:${app.port}>`);
    t.is(response.headers.get('Content-Type'), 'application/sdp');
    await peer.request('ACK', call);
    const ack = await until(() => client.received.find(({ payload }) => payload.startsWith('ACK')), 'the ACK');
    t.is(ack.fields[7], outcome[8]);
  });
}
