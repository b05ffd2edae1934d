import { startBaresip } from '../../support/baresip.ts';
import { startKamailio, type KamailioSwitch } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { startSipApp, type SipAppServer } from '../../support/sip/sip-app.ts';
import { sippPasses, startSipp } from '../../support/sipp.ts';
import { until } from '../../support/until.ts';

const me = { username: '1001', password: 'secret-1001' };
const address = { From: '<sip:1001@pbx.test>', To: '<sip:1001@pbx.test>', Contact: '<sip:1001@localhost>' };

function register(app: SipAppServer, pbx: { port: number }, more: Readonly<Record<string, unknown>> = {}): Promise<{ status: number; attempts: number; contact: string }> {
  return app.call('request', { method: 'REGISTER', uri: 'sip:pbx.test', proxy: `sip:127.0.0.1:${pbx.port}`, ...me, ...more, headers: { ...address, Expires: '60' } });
}

const challenges: [string, KamailioSwitch[], number][] = [
  ['MD5', [], 2],
  ['SHA-256', ['WITH_SHA256'], 2],
  ['MD5, asked by a proxy and then by the registrar', ['WITH_EDGE'], 3],
];
for (const [name, switches, attempts] of challenges) {
  peerTest(`kamailio registers us by digest with ${name}, and takes a wrong password once`, ['kamailio'], async (t) => {
    const [app, pbx] = [await startSipApp(t), await startKamailio(t, ...switches)];
    const registered = await register(app, pbx);
    t.is(registered.status, 200);
    t.is(registered.attempts, attempts);
    t.regex(registered.contact, new RegExp(`<sip:1001@127\\.0\\.0\\.1:${app.port}>;expires=60`));
    const wrong = await register(app, pbx, { password: 'guess' });
    t.true([401, 407].includes(wrong.status));
    t.is(wrong.attempts, 2, 'one attempt with the password');
  });
}

peerTest('a call through kamailio to baresip: Digest, Record-Route, hold, and a BYE by the recorded route', ['kamailio', 'baresip'], async (t) => {
  const [app, pbx] = [await startSipApp(t), await startKamailio(t)];
  await startBaresip(t, 'echo', pbx);
  const uri = `sip:1002@127.0.0.1:${pbx.port}`;
  const call = await app.call<{ status: number; id: string; sdp: string }>('call', { uri, ...me, headers: { From: '<sip:1001@pbx.test>' } });
  t.is(call.status, 200);
  t.regex(call.sdp, /m=audio \d+ RTP\/AVP.* 0/);
  t.regex(await app.call('modify', { id: call.id, direction: 'sendonly' }), /a=(recvonly|inactive)/);
  t.regex(await app.call('modify', { id: call.id, direction: 'sendrecv' }), /a=sendrecv/);
  await app.call('hangup', { id: call.id });
  await until(async () => (await app.state()).dialogs.length === 0, 'the end');
  for (const status of [486, 480, 603]) t.is((await app.call<{ status: number }>('call', { uri: `sip:${status}@127.0.0.1:${pbx.port}`, ...me, headers: { From: '<sip:1001@pbx.test>' } })).status, status);
});

peerTest('a call comes from the PBX to where we have registered, over TCP too', ['kamailio', 'sipp'], async (t) => {
  const [app, pbx] = [await startSipApp(t), await startKamailio(t, 'WITH_NOAUTH')];
  for (const transport of ['', ';transport=tcp']) {
    const registered = await register(app, pbx, { proxy: `sip:127.0.0.1:${pbx.port}${transport}` });
    t.is(registered.status, 200);
    await sippPasses(t, { scenario: 'uac-direct', target: `127.0.0.1:${pbx.port}`, service: '1001' });
  }
  await until(async () => (await app.state()).dialogs.length === 0, 'the end');
});

const callee = ['uas-answer', 'uas-early-media', 'uas-hold', 'uas-transfer', 'uas-bye', 'uas-info'] as const;
for (const scenario of callee) {
  peerTest(`SIPp plays the called side: ${scenario}`, ['sipp'], async (t) => {
    const app = await startSipApp(t);
    const sipp = await startSipp(t, { scenario, more: ['-key', 'refer_to', 'sip:1003@127.0.0.1:9'] });
    const { status, id } = await app.call<{ status: number; id: string }>('call', { uri: `sip:1002@127.0.0.1:${sipp.port}` });
    t.is(status, 200);
    if (scenario === 'uas-info') t.is(await app.call('within', { id, method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: 'Signal=5\r\nDuration=160\r\n' }), 200);
    if (scenario === 'uas-hold') await until(async () => (await app.events()).filter((event) => event === 'modify').length === 2, 'hold and its end');
    if (scenario === 'uas-hold' || scenario === 'uas-answer' || scenario === 'uas-early-media' || scenario === 'uas-info') await app.call('hangup', { id });
    const { status: exit, stderr } = await sipp.finished;
    t.is(exit, 0, stderr);
    await until(async () => (await app.state()).dialogs.length === 0, 'the end');
  });
}

peerTest('SIPp plays the called side: a call that we give up, and a MESSAGE', ['sipp'], async (t) => {
  const app = await startSipApp(t);
  const cancelled = await startSipp(t, { scenario: 'uas-cancel' });
  await app.call('dial', { uri: `sip:1002@127.0.0.1:${cancelled.port}` });
  await until(async () => (await app.events()).some((event) => event.startsWith('provisional')), 'ringing');
  await app.call('cancel');
  await until(async () => (await app.events()).includes('failed 487'), 'the 487');
  t.is((await cancelled.finished).status, 0);
  const message = await startSipp(t, { scenario: 'uas-message' });
  t.is((await app.call<{ status: number }>('request', { method: 'MESSAGE', uri: `sip:1002@127.0.0.1:${message.port}`, body: 'hello', headers: { 'Content-Type': 'text/plain' } })).status, 200);
  t.is((await message.finished).status, 0);
});
