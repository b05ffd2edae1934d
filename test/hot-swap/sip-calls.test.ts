import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { peerTest } from '../support/peers.ts';
import { sipEntry, startCallServer } from '../support/sip/call-server.ts';
import { startSipp } from '../support/sipp.ts';
import { toneShare } from '../support/tones.ts';
import { until } from '../support/until.ts';

const CALLS = 20;

peerTest(`${CALLS} calls with media go on through two swaps, and each BYE finds its call`, ['sipp'], async (t) => {
  const plugin = new PluginUnderTest('sip', sipEntry);
  t.teardown(() => plugin.remove());
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } }, {}, plugin.folder);
  const sipp = await startSipp(t, { scenario: 'uas-answer', calls: CALLS, more: ['-rtp_echo'] });
  server.publishTone('tone', 1000);
  const ids = Array.from({ length: CALLS }, (_unused, index) => `call${index}`);
  const account = { sipLogin: 'us', sipDomain: '127.0.0.1', sipPort: sipp.port };
  for (const callId of ids) await server.call('call.startup', { callId, callee: 'peer', toStream: `of-${callId}`, ...account });
  await until(async () => (await server.call<{ status: string }[]>('call.find_all')).every(({ status }) => status === 'ESTABLISHED'), 'all answers');
  for (const callId of ids) await server.call('call.inject_stream', { callId, streamName: 'tone' });
  const { media } = server.kernel.kernel.parts;
  const packetsOf = (callId: string): number => media.find(`of-${callId}`)?.stats.frames ?? 0;
  const allFlow = async (): Promise<void> => {
    const before = new Map(ids.map((callId) => [callId, packetsOf(callId)]));
    await until(() => ids.every((callId) => packetsOf(callId) >= (before.get(callId) ?? 0) + 10), 'media in all calls');
  };
  await allFlow();
  const streams = ids.map((callId) => media.find(`of-${callId}`)?.id);
  for (let swap = 0; swap < 2; swap++) {
    plugin.writeGood();
    await server.call('plugin.reload', { name: 'sip' });
    await allFlow();
    t.is((await server.call<unknown[]>('call.find_all')).length, CALLS);
  }
  t.deepEqual(ids.map((callId) => media.find(`of-${callId}`)?.id), streams, 'readers have seen nothing of it');
  t.true(toneShare(await server.hear('of-call7', 500), 8000, 1000) > 0.9);
  for (const callId of ids) await server.call('call.terminate', { callId });
  const { status, stderr } = await sipp.finished;
  t.is(status, 0, stderr);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

peerTest('a transfer goes on through a swap: who sent us on has hung up, who we are sent to rings, and is given up in the new version', ['sipp'], async (t) => {
  const plugin = new PluginUnderTest('sip', sipEntry);
  t.teardown(() => plugin.remove());
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } }, {}, plugin.folder);
  const next = await startSipp(t, { scenario: 'uas-cancel' });
  const referrer = await startSipp(t, { scenario: 'uas-transfer', more: ['-key', 'refer_to', `sip:next@127.0.0.1:${next.port}`] });
  await server.call('call.startup', { callId: 'one', callee: 'referrer', toStream: 'heard', sipLogin: 'us', sipDomain: `127.0.0.1:${referrer.port}` });
  t.is((await referrer.finished).status, 0, (await referrer.finished).stderr);
  await server.call('api.create-session', { sipLogin: 'us', sipDomain: 'pbx.test' });
  const calls = (): Promise<{ callee: string; status: string }[]> => server.call('call.find_all');
  await until(async () => (await calls()).some(({ callee, status }) => callee === 'next' && status === 'RING'), 'ringing');
  const stream = server.kernel.kernel.parts.media.find('heard')?.id;
  plugin.writeGood();
  await server.call('plugin.reload', { name: 'sip' });
  await until(async () => (await calls()).map(({ status }) => status).sort().join() === 'ESTABLISHED,RING', 'both in the new version');
  t.is(server.kernel.kernel.parts.media.find('heard')?.id, stream);
  t.like(await server.call('api.find_all'), [{ sipLogin: 'us', status: 'ESTABLISHED' }]);
  await server.call('call.terminate', { callId: 'one' });
  t.is((await next.finished).status, 0, (await next.finished).stderr);
  await t.throwsAsync(calls(), { code: 'SESSION_E_NOT_FOUND' });
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
