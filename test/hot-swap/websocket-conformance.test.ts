import { join } from 'node:path';
import { SignallingClient } from '../support/signalling-client.ts';
import test from 'ava';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

let rooms = 0;

pluginConformance(test, {
  name: 'websocket',
  entry: join(checkout, 'plugins', 'websocket', 'websocket.plugin.ts'),
  portCount: 2,
  settings: ([port, tlsPort]) => ({ port, tlsPort }),
  keepsSessions: true,
  openSession: async ({ ports }) => {
    const name = `room${rooms++}`;
    const members = await Promise.all(['Alice', 'Bob'].map((login) => SignallingClient.connect(ports[0]!, { appKey: 'roomApp', custom: { login } })));
    const [alice, bob] = members as [SignallingClient, SignallingClient];
    for (const member of members) await member.data({ command: 'join', options: { name } });
    let sent = 0;
    return {
      verify: async () => {
        const texts = Array.from({ length: 5 }, () => String(sent++));
        for (const text of texts) await alice.data({ command: 'sendMessage', options: { roomConfig: { name }, to: 'Bob', text } });
        const heard = (): string[] => bob.roomEvents.filter((event) => event.name === 'MESSAGE').map(({ info }) => (info as { text: string }).text);
        await until(() => heard().length >= sent || bob.close, `message ${sent}`);
        const expected = Array.from({ length: sent }, (_, index) => String(index));
        if (heard().join() !== expected.join()) throw new Error(`Bob heard ${heard().join()} instead of ${expected.join()}`);
      },
      close: () => members.forEach((member) => member.end()),
    };
  },
  tryRefused: async ({ ports }) => {
    const client = await SignallingClient.open(ports[0]!);
    client.send('connection', { appKey: 'defaultApp' });
    await until(() => client.close, 'the end');
    return client.names.join() === 'fail';
  },
});
