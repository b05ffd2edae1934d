import { peerTest } from '../../support/peers.ts';
import { sippPasses, startSipp } from '../../support/sipp.ts';
import { startSipApp } from '../../support/sip/sip-app.ts';
import { until } from '../../support/until.ts';

for (const transport of ['udp', 'tcp'] as const) {
  peerTest(`SIPp asks by OPTIONS, calls, sends a MESSAGE and gives up over ${transport}`, ['sipp'], async (t) => {
    const app = await startSipApp(t);
    const target = `127.0.0.1:${app.port}`;
    await sippPasses(t, { scenario: 'uac-options', target, transport });
    await sippPasses(t, { scenario: 'uac-direct', target, transport });
    await sippPasses(t, { scenario: 'uac-message', target, transport });
    await sippPasses(t, { scenario: 'uac-cancel', target, transport, service: 'ring' });
    await until(async () => (await app.events()).includes('cancel ring'), 'the cancel');
    await until(async () => (await app.state()).dialogs.length === 0, 'the calls to end');
  });
}

peerTest('SIPp is called, and hangs up', ['sipp'], async (t) => {
  const app = await startSipApp(t);
  const sipp = await startSipp(t, { scenario: 'uas-bye' });
  const { status } = await app.call<{ status: number }>('call', { uri: `sip:peer@127.0.0.1:${sipp.port}` });
  t.is(status, 200);
  const { status: exit, stderr } = await sipp.finished;
  t.is(exit, 0, stderr);
  await until(async () => (await app.state()).dialogs.length === 0, 'the end');
});
