import { startBaresip } from '../../support/baresip.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { startCallServer } from '../../support/sip/call-server.ts';
import { levelOf, toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

peerTest('a call without a browser: a stream is heard by baresip, and what it returns becomes a stream', ['kamailio', 'baresip'], async (t) => {
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } });
  const pbx = await startKamailio(t);
  await startBaresip(t, 'echo', pbx);
  server.publishTone('tone', 1000);
  const account = { sipLogin: '1001', sipPassword: 'secret-1001', sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port };
  await server.call('call.startup', { callId: 'one', callee: '1002', toStream: 'echoed', ...account });
  await until(async () => (await server.statusOf('one')) === 'ESTABLISHED', 'the answer');
  await server.call('call.inject_stream', { callId: 'one', streamName: 'tone' });
  await until(async () => toneShare(await server.hear('echoed', 200), 8000, 1000) > 0.9, 'the tone to come back', 15_000);
  const samples = await server.hear('echoed', 1000);
  t.true(toneShare(samples, 8000, 1000) > 0.9, `share of the tone ${toneShare(samples, 8000, 1000)}`);
  const level = levelOf(samples);
  t.true(level > 4000 && level < 7500, `level ${level}: what was sent has 5657`);
  await server.call('call.terminate', { callId: 'one' });
  await until(() => server.kernel.kernel.parts.media.find('echoed') === undefined, 'the stream to end');
  t.is(await server.statusOf('one'), undefined);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
