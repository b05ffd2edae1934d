import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { runDirectly, type Owner } from '../../../core/net/owner.ts';
import { DEFAULT_PORT_RANGES, PortRanges } from '../../../core/net/port-ranges.ts';
import { RtpPortPairs } from '../../../core/net/rtp-port-pairs.ts';

const owner: Owner = { run: runDirectly, onFault: () => undefined };
/** Beside every range that other tests use, and below those ports that the system gives to whoever asks for any. */
const RANGE = { from: 29_500, to: 29_579 };

test('pairs of another server on the machine are passed over, however many they are, and a full range says so', async (t) => {
  const others = await Promise.all(
    Array.from({ length: 38 }, async (_, index) => {
      const socket = createSocket('udp4');
      socket.bind(RANGE.from + 2 * index, '127.0.0.1');
      await once(socket, 'listening');
      return socket;
    }),
  );
  const ports = new PortRanges({ ...DEFAULT_PORT_RANGES, media: RANGE });
  const pairs = new RtpPortPairs({ ports, host: '127.0.0.1' });
  t.teardown(() => {
    for (const socket of others) socket.close();
    pairs.closeAll();
  });
  t.is((await pairs.open(owner)).rtp.port, 29_576);
  t.is((await pairs.open(owner)).rtp.port, 29_578);
  await t.throwsAsync(pairs.open(owner), { code: 'NET_E_PORT_EXHAUSTED' });
  t.is(pairs.size, 2);
});
