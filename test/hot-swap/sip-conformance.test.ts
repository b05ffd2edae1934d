import { join } from 'node:path';
import test from 'ava';
import { RAW_SDP, RawSipClient, rawCall } from '../support/sip/raw-client.ts';
import { sipAppEntry } from '../support/sip/sip-app.ts';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';

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

// A call, changed each time: the dialogs of the engine and of drachtio-srf go along.
pluginConformance(test, {
  name: 'sipapp',
  entry: sipAppEntry,
  portCount: 1,
  settings: ([port]) => ({ port }),
  keepsSessions: true,
  openSession: async ({ ports }) => {
    const client = new RawSipClient(ports[0]!, 'tcp');
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
  },
});
