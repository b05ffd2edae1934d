import { join } from 'node:path';
import test from 'ava';
import { RAW_SDP, RawSipClient, rawCall } from '../support/sip/raw-client.ts';
import { startExternalServer } from '../support/sip/external-server.ts';
import { sipAppEntry } from '../support/sip/sip-app.ts';
import { checkout } from '../support/test-kernel.ts';
import { conformanceTests } from '../support/conformance/conformance.ts';
import { pluginConformance, until, type ConformanceSubject, type LiveSession } from '../support/testing.ts';

pluginConformance(test, {
  name: 'sip',
  entry: join(checkout, 'plugins', 'sip', 'sip.plugin.ts'),
  portCount: 2,
  settings: ([port, tlsPort]) => ({ enabled: true, engine: { port, tls: { enabled: true, port: tlsPort } } }),
  keepsSessions: true,
  openSession: async ({ ports }) => {
    const client = new RawSipClient(ports[0]!, 'tcp');
    const verify = async (): Promise<void> => {
      const { status } = await client.request('OPTIONS', rawCall('sip:127.0.0.1'));
      if (status !== 200) throw new Error(`OPTIONS was answered ${status}`);
    };
    await verify();
    return { verify, close: () => client.close() };
  },
});

/** A call to the test application, changed each time: the dialogs of the engine and of drachtio-srf go along. */
async function openCall(port: number): Promise<LiveSession> {
  const client = new RawSipClient(port, 'tcp');
  const call = rawCall('sip:echo@127.0.0.1');
  const verify = async (): Promise<void> => {
    const { status } = await client.request('INVITE', call, RAW_SDP);
    if (status !== 200) throw new Error(`INVITE was answered ${status}`);
    await client.request('ACK', call);
  };
  await verify();
  return {
    verify,
    close: async () => {
      // A version that fails to hand the call over loses it when it has drained: then there is nobody to hang up on.
      const answer = await client.request('BYE', call).catch((error: unknown) => {
        if (!client.closed) throw error;
        return undefined;
      });
      client.close();
      if (answer !== undefined && answer.status !== 200) throw new Error(`BYE was answered ${answer.status}`);
    },
  };
}

const application: Omit<ConformanceSubject, 'portCount' | 'settings' | 'openSession'> = { name: 'sipapp', entry: sipAppEntry, keepsSessions: true };

pluginConformance(test, { ...application, portCount: 1, settings: ([port]) => ({ port }), openSession: ({ ports }) => openCall(ports[0]!) });

for (const title of ['sessions and listeners survive swaps, and old code is collected', 'nothing is left after it is disabled']) {
  test.serial(`sipapp conformance on a SIP server elsewhere: ${title}`, async (t) => {
    const external = await startExternalServer(t);
    const subject: ConformanceSubject = {
      ...application,
      portCount: 0,
      settings: () => ({ drachtio: { hosts: [external.host] } }),
      openSession: async ({ kernel }) => {
        await until(async () => ((await kernel.call('sipapp.state')) as { connections: number }).connections === 1, 'the SIP server');
        return openCall(external.port);
      },
    };
    await conformanceTests(subject).find((one) => one.title === title)!.run(t);
  });
}
