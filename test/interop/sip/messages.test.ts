import test from 'ava';
import { startBaresip } from '../../support/baresip.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { startWebPhones } from '../../support/sip/web-phones.ts';
import { sippPasses, startSipp } from '../../support/sipp.ts';

peerTest('a browser sends texts to baresip and gets one of SIPp, through kamailio', ['kamailio', 'baresip', 'sipp'], async (t) => {
  const [phones, pbx] = await Promise.all([startWebPhones(t), startKamailio(t)]);
  const [, { client }] = await Promise.all([startBaresip(t, 'echo', pbx), phones.register('1001', pbx)]);
  const send = (id: string, to: string, more: Readonly<Record<string, unknown>> = {}): void => client.send('sendMessage', { id, to, body: 'grüß dich', from: '1001', contentType: 'text/plain', isImdnRequired: false, ...more });
  const told = (id: string, status: string): ReturnType<typeof client.next> => client.next('notifyMessage', (message) => message['id'] === id && message['status'] === status);
  send('one', '1002');
  await told('one', 'SENT');
  t.like(await told('one', 'ACCEPTED'), { from: '1001', to: '1002', body: 'grüß dich', sipStatus: 200 });
  send('absent', '7777');
  send('long', '1002', { body: 'x'.repeat(1301) });
  send('odd', '1002', { contentType: 'text/plain\r\nX: y' });
  send('nowhere', 'a@b?x=y');
  t.like(await told('absent', 'FAILED'), { sipStatus: 404, info: '404 Not Found' });
  for (const id of ['long', 'odd', 'nowhere']) t.false('sipStatus' in (await told(id, 'FAILED')), id);
  await sippPasses(t, { scenario: 'uac-message', target: `127.0.0.1:${pbx.port}`, service: '1001' });
  const received = await client.next('notifyMessage', ({ status }) => status === 'RECEIVED');
  t.like(received, { from: 'trunk', to: '1001', body: 'hello from the trunk\r\n', contentType: 'text/plain;charset=utf-8' });
  client.send('notificationResult', { id: received['id'], status: 'OK' });
  // What is not known would be answered.
  client.send('nonsense', {});
  t.like(await client.next('fail'), { apiMethod: 'nonsense' });
  for (const plugin of ['sip', 'websocket']) t.is(phones.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});

test('clients without an exchange send each other texts', async (t) => {
  const phones = await startWebPhones(t, { localCalls: true });
  const [anna, ben] = await Promise.all(['anna', 'ben'].map((sipLogin) => phones.connect({ sipLogin, sipRegisterRequired: true })));
  await Promise.all([anna!.client.next('registered'), ben!.client.next('registered')]);
  anna!.client.send('sendMessage', { id: 'm', to: 'ben', body: 'grüß\r\ndich', contentType: 'text/plain' });
  t.like(await ben!.client.next('notifyMessage'), { from: 'anna', to: 'ben', body: 'grüß\r\ndich', contentType: 'text/plain;charset=UTF-8', status: 'RECEIVED' });
  await anna!.client.next('notifyMessage', ({ status }) => status === 'ACCEPTED');
  anna!.client.send('sendMessage', { id: 'n', to: 'nobody', body: 'hello' });
  t.like(await anna!.client.next('notifyMessage', ({ id }) => id === 'n'), { status: 'FAILED', info: 'Nobody of the name nobody is here' });
  t.is(phones.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

peerTest('a text within a call goes to the browser whose call it is', ['sipp'], async (t) => {
  const [phones, sipp] = await Promise.all([startWebPhones(t), startSipp(t, { scenario: 'uas-text' })]);
  const [phone, other] = await Promise.all([phones.connect({ sipLogin: 'us', sipDomain: `127.0.0.1:${sipp.port}` }), phones.connect({ sipLogin: 'us', sipDomain: `127.0.0.1:${sipp.port}` })]);
  await phone.call('one', 'peer');
  t.like(await phone.client.next('notifyMessage'), { from: 'peer', to: 'us', body: 'hello from within', status: 'RECEIVED' });
  phone.client.send('hangup', { callId: 'one' });
  t.is((await sipp.finished).status, 0, (await sipp.finished).stderr);
  t.deepEqual(other.client.all('notifyMessage'), []);
});
