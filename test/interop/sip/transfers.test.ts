import test, { type ExecutionContext } from 'ava';
import { startBaresip } from '../../support/baresip.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { startCallServer, type CallServer } from '../../support/sip/call-server.ts';
import { startWebPhones } from '../../support/sip/web-phones.ts';
import { startSipp } from '../../support/sipp.ts';
import { toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const PCMU = { media: { codecs: ['pcmu'] } };
const metric = async ({ kernel }: CallServer, name: string): Promise<number> => Number(new RegExp(`^wcs_${name} (\\d+)`, 'm').exec(await kernel.kernel.parts.metrics.prometheus())?.[1] ?? NaN);
const countOf = (text: string, what: RegExp): number => text.match(what)?.length ?? 0;

peerTest('a browser sends baresip to another baresip through kamailio, and hears whether that went well', ['kamailio', 'baresip'], async (t) => {
  const [phones, pbx] = await Promise.all([startWebPhones(t), startKamailio(t)]);
  const [, tone, phone] = await Promise.all([startBaresip(t, 'echo', pbx), startBaresip(t, 'tone', pbx), phones.register('1001', pbx)]);
  const { client } = phone;
  // A baresip finds the exchange by its address alone.
  const at = (number: string): string => `sip:${number}@127.0.0.1:${pbx.port}`;
  await phone.call('busy', '1002');
  client.send('transfer', { callId: 'busy', target: at('486') });
  t.like(await client.next('fail'), { apiMethod: 'TransferStatusEvent', id: 'busy', status: 'FAILED' });
  t.is(await phones.statusOf('busy'), 'ESTABLISHED', 'the call goes on');
  t.is(countOf(tone.log(), /Call established/g), 0);
  await phone.call('good', '1002');
  client.send('transfer', { callId: 'good', target: at('1003') });
  t.like(await client.next('notifyTransferEvent'), { callId: 'good', status: 'COMPLETED', target: at('1003') });
  t.like(await phone.status('finish', 'good'), { status: 'FINISH' });
  // It writes that down a moment later than it says so.
  await until(() => countOf(tone.log(), /Call established/g) > 0, 'the log of baresip');
  t.is(countOf(tone.log(), /Call established/g), 1);
  for (const plugin of ['sip', 'websocket']) t.is(phones.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});

/** A call to a SIPp that sends us on to another, or tries to. */
async function callReferrer(t: ExecutionContext, server: CallServer, callId: string, scenario: string, referTo: string, edit = (text: string): string => text): Promise<ReturnType<typeof startSipp>> {
  const sipp = await startSipp(t, { scenario, holdMs: 800, edit, more: ['-key', 'refer_to', referTo] });
  await server.call('call.startup', { callId, callee: 'referrer', toStream: `heard-${callId}`, sipLogin: 'us', sipDomain: `127.0.0.1:${sipp.port}` });
  await until(async () => (await server.statusOf(callId)) === 'ESTABLISHED', 'the answer', 30_000);
  return sipp;
}

/** Waits, when it has hung up, for the word that we have been answered elsewhere. */
function listeningOn(scenario: string): string {
  const answer = /<send><!\[CDATA\[\nSIP\/2\.0 200 OK\n\[last_Via:\]\n\[last_From:\]\n\[last_To:\]\n[^]*?<\/send>/.exec(scenario)?.[0] ?? '';
  const last = '<recv request="NOTIFY"><action><ereg regexp="terminated" search_in="hdr" header="Subscription-State:" check_it="true" assign_to="state"/><ereg regexp="SIP/2.0 200" search_in="body" check_it="true" assign_to="last"/></action></recv><Reference variables="state,last"/>';
  return scenario.replace('</scenario>', `${last}${answer}</scenario>`);
}

peerTest('SIPp sends us to another and hangs up: it hears that we are there, and the call goes on with the same stream and the same sound', ['sipp'], async (t) => {
  const server = await startCallServer(t, PCMU);
  server.publishTone('tone', 1000);
  // It does not ring: what is told before that would be told at any moment of the other.
  const next = await startSipp(t, { scenario: 'uas-answer', edit: (text) => text.replace(/<send><!\[CDATA\[\nSIP\/2\.0 180[^]*?<\/send>/, '').replace('milliseconds="200"', 'milliseconds="1500"'), more: ['-rtp_echo'] });
  const referrer = await callReferrer(t, server, 'one', 'uas-transfer', `sip:next@127.0.0.1:${next.port}`, listeningOn);
  await server.call('call.inject_stream', { callId: 'one', streamName: 'tone' });
  const stream = server.kernel.kernel.parts.media.find('heard-one')?.id;
  const { status, stderr } = await referrer.finished;
  t.is(status, 0, stderr);
  // The first SIPp returns nothing: the tone comes from the second.
  await until(async () => toneShare(await server.hear('heard-one', 200), 8000, 1000) > 0.9, 'the tone of the one that we were sent to');
  t.is(server.kernel.kernel.parts.media.find('heard-one')?.id, stream, 'readers have seen no end');
  t.like(await server.call('call.find', { callId: 'one' }), [{ callId: 'one', callee: 'next', status: 'ESTABLISHED' }]);
  await server.call('call.terminate', { callId: 'one' });
  t.is((await next.finished).status, 0, (await next.finished).stderr);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

peerTest('SIPp sends us to a file, and to ourselves: the call with it goes on', ['sipp'], async (t) => {
  const server = await startCallServer(t, PCMU);
  const referrers = await Promise.all([callReferrer(t, server, 'file', 'uas-refer-refused', 'file:///etc/passwd'), callReferrer(t, server, 'self', 'uas-refer-refused', `sip:us@127.0.0.1:${server.port}`)]);
  for (const { finished } of referrers) t.is((await finished).status, 0, (await finished).stderr);
  await until(async () => (await server.statusOf('file')) === undefined && (await server.statusOf('self')) === undefined, 'the ends');
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

peerTest('a browser brings two others together: their exchange passes it on, and each goes on with its own call', ['kamailio'], async (t) => {
  const [phones, pbx] = await Promise.all([startWebPhones(t), startKamailio(t)]);
  const [host, anna, ben] = await Promise.all(['1001', '1002', '1004'].map((number) => phones.register(number, pbx)));
  const [, annasCall] = await Promise.all([host!.call('a', '1002'), anna!.take()]);
  host!.client.send('hold', { callId: 'a', holdForTransfer: true });
  await host!.status('hold', 'a');
  const [, bensCall] = await Promise.all([host!.call('b', '1004'), ben!.take()]);
  host!.client.send('transfer', { callId: 'a', target: '1004' });
  t.like(await host!.client.next('notifyTransferEvent'), { callId: 'a', status: 'COMPLETED' });
  await Promise.all(['a', 'b'].map((callId) => host!.status('finish', callId)));
  await until(async () => (await phones.call<unknown[]>('call.find_all')).length === 2, 'the calls of the two');
  t.like(await phones.call('call.find', { callId: annasCall }), [{ callee: '1002', caller: '1004', incoming: true, status: 'ESTABLISHED' }]);
  t.like(await phones.call('call.find', { callId: bensCall }), [{ callee: '1004', caller: '1002', incoming: true, status: 'ESTABLISHED' }]);
  t.is(anna!.client.all('finish').length + ben!.client.all('finish').length, 0);
  anna!.client.send('hangup', { callId: annasCall });
  await Promise.all([anna!.status('finish', annasCall), ben!.status('finish', bensCall)]);
  await until(async () => (await metric(phones, 'sip_dialogs')) === 0, 'the dialogs to end');
  t.is(phones.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

test('a browser sends the other side of its call to a third, without an exchange; nobody is sent to who is not there', async (t) => {
  const phones = await startWebPhones(t, { localCalls: true });
  const [anna, ben, carl] = await Promise.all(['anna', 'ben', 'carl'].map((sipLogin) => phones.connect({ sipLogin, sipRegisterRequired: true })));
  const [, bensCall] = await Promise.all([anna!.call('a', 'ben'), ben!.take()]);
  anna!.client.send('transfer', { callId: 'a', target: 'nobody' });
  t.like(await anna!.client.next('fail'), { apiMethod: 'transfer', id: 'a', info: 'Nobody of the name nobody is here' });
  anna!.client.send('transfer', { callId: 'a', target: 'carl' });
  const carlsCall = await carl!.take();
  t.like(await anna!.client.next('notifyTransferEvent'), { callId: 'a', status: 'COMPLETED', target: 'carl' });
  await anna!.status('finish', 'a');
  t.like(await phones.call('call.find', { callId: bensCall }), [{ status: 'ESTABLISHED', incoming: true }]);
  carl!.client.send('hangup', { callId: carlsCall });
  await Promise.all([ben!.status('finish', bensCall), carl!.status('finish', carlsCall)]);
  t.is(phones.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
