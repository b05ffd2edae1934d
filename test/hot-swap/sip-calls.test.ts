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
  await until(async () => (await server.call<{ status: string }[]>('call.find_all')).every(({ status }) => status === 'ESTABLISHED'), 'all answers', 20_000);
  for (const callId of ids) await server.call('call.inject_stream', { callId, streamName: 'tone' });
  const { media } = server.kernel.kernel.parts;
  const packetsOf = (callId: string): number => media.find(`of-${callId}`)?.stats.frames ?? 0;
  const allFlow = async (): Promise<void> => {
    const before = new Map(ids.map((callId) => [callId, packetsOf(callId)]));
    await until(() => ids.every((callId) => packetsOf(callId) >= (before.get(callId) ?? 0) + 10), 'media in all calls', 20_000);
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
