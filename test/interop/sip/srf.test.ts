import test from 'ava';
import { startSipApp } from '../../support/sip/sip-app.ts';
import { until } from '../../support/until.ts';

// Two servers call each other: every message crosses two engines and two unmodified drachtio-srf.

const sent = (port: number, user = 'echo', transport = 'udp'): string => `sip:${user}@127.0.0.1:${port};transport=${transport}`;

for (const transport of ['udp', 'tcp'] as const) {
  test.serial(`a call is answered, changed, refreshed from both sides, and ended, over ${transport}`, async (t) => {
    const [one, two] = [await startSipApp(t), await startSipApp(t)];
    const call = await one.call<{ status: number; id: string; sdp: string }>('call', { uri: sent(two.port, 'echo', transport) });
    t.is(call.status, 200);
    t.regex(call.sdp, /a=sendrecv/);
    t.true((await one.events()).includes('provisional 180'));
    t.regex(await one.call('modify', { id: call.id, direction: 'sendonly' }), /a=recvonly/);
    const theirs = await until(async () => (await two.state()).dialogs[0], 'the dialog of the other side');
    t.regex(await two.call('modify', { id: theirs, direction: 'sendonly' }), /a=recvonly/);
    t.is(await one.call('within', { id: call.id, method: 'INFO', headers: { 'Content-Type': 'application/dtmf-relay' }, body: 'Signal=5\r\nDuration=160\r\n' }), 200);
    t.is(await two.call('within', { id: theirs, method: 'UPDATE' }), 200);
    t.is(await one.call('within', { id: call.id, method: 'MESSAGE', headers: { 'Content-Type': 'text/plain' }, body: 'hello' }), 200);
    t.is(await two.call('within', { id: theirs, method: 'REFER', headers: { 'Refer-To': '<sip:third@127.0.0.1>' } }), 202);
    await until(async () => (await two.events()).some((event) => event.startsWith('notify SIP/2.0 200')), 'the NOTIFY');
    await two.call('hangup', { id: theirs });
    await until(async () => (await one.state()).dialogs.length === 0, 'the end');
    t.true((await one.events()).some((event) => event.startsWith('destroy')));
    t.deepEqual((await two.events()).filter((event) => event.startsWith('info')), ['info Signal=5 Duration=160']);
  });
}

test.serial('a reliable provisional response is acknowledged by PRACK before the answer', async (t) => {
  const [one, two] = [await startSipApp(t), await startSipApp(t)];
  const call = await one.call<{ status: number; id: string }>('call', { uri: sent(two.port, 'early'), headers: { Supported: '100rel' } });
  t.is(call.status, 200);
  t.true((await one.events()).includes('provisional 183'));
  t.true((await two.events()).includes('prack'));
  await one.call('hangup', { id: call.id });
  await until(async () => (await two.state()).dialogs.length === 0, 'the end');
});

test.serial('a caller that gives up hears 487, and the called side is told', async (t) => {
  const [one, two] = [await startSipApp(t), await startSipApp(t)];
  await one.call('dial', { uri: sent(two.port, 'ring') });
  await until(async () => (await one.events()).includes('provisional 180'), 'ringing');
  await one.call('cancel');
  await until(async () => (await one.events()).includes('failed 487'), 'the 487');
  t.true((await two.events()).includes('cancel ring'));
});

test.serial('refusals come through, and a number that nobody has', async (t) => {
  const [one, two] = [await startSipApp(t), await startSipApp(t)];
  for (const status of [404, 486, 603]) t.is((await one.call<{ status: number }>('call', { uri: sent(two.port, String(status)) })).status, status);
  t.is((await one.call<{ status: number }>('request', { method: 'SUBSCRIBE', uri: sent(two.port), headers: { Event: 'presence', Expires: '60' } })).status, 503, 'no handler for the method');
  t.is((await one.call<{ status: number }>('request', { method: 'OPTIONS', uri: sent(two.port) })).status, 200);
  t.is((await one.call<{ status: number }>('request', { method: 'MESSAGE', uri: sent(two.port), body: 'grüß dich 🙂', headers: { 'Content-Type': 'text/plain;charset=UTF-8' } })).status, 200);
  t.deepEqual(await two.events(), ['message grüß dich 🙂']);
});

test.serial('a peer that is not there is a failure in time', async (t) => {
  const one = await startSipApp(t, { timing: { t1Ms: 20, t2Ms: 100, t4Ms: 100 } });
  t.is((await one.call<{ status: number }>('request', { method: 'OPTIONS', uri: 'sip:nobody@127.0.0.1:9' })).status, 408, 'silence');
  t.is((await one.call<{ status: number }>('request', { method: 'OPTIONS', uri: 'sip:nobody@127.0.0.1:9;transport=tcp' })).status, 503, 'no connection');
});

test.serial('a header with half a line end is refused before it leaves', async (t) => {
  const one = await startSipApp(t);
  await t.throwsAsync(one.call('request', { method: 'OPTIONS', uri: 'sip:x@127.0.0.1:9', headers: { Subject: 'a\nEvil: b' } }), { message: /line end/ });
});
