import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import test from 'ava';
import { UdpPort } from '../../../core/net/udp-port.ts';
import { until } from '../../support/until.ts';

const HOST = '127.0.0.1';
const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;

test('a port that is taken leaves no socket of whoever wanted it', async (t) => {
  const taken = createSocket('udp4').bind(0, HOST);
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const { port } = taken.address();
  t.is(sockets(), 1);
  for (let attempt = 0; attempt < 5; attempt++) await t.throwsAsync(UdpPort.bind({ host: HOST, port }), { code: 'EADDRINUSE' });
  await until(() => sockets() === 1, 'the end of all others', 5000);
  t.is(sockets(), 1);
});
