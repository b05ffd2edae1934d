import { once } from 'node:events';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { freePorts, pluginConformance, startTestKernel, type LiveSession } from 'wcs-core/testing';

const name = 'hello';

/** A client that sends a line at each `verify` and expects the count to go on. */
async function openSession(port: number): Promise<LiveSession> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  let sent = 0;
  return {
    verify: async () => {
      socket.write('Ada\n');
      const { value } = (await answers.next()) as { value?: string };
      if (value !== `Good day, Ada! (${++sent})`) throw new Error(`Answer ${sent} was ${value ?? 'the end of the connection'}.`);
    },
    close: () => void socket.destroy(),
  };
}

test('every client is sent an announcement', async (t) => {
  const [port = 0] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { [name]: { path: resolve('.'), port } } });
  const session = await openSession(port);
  await session.verify();
  t.deepEqual(await kernel.call(`${name}.announce`, { text: 'Tea is ready.' }), { clients: 1 });
  await t.throwsAsync(session.verify(), { message: /Tea is ready/ });
  await session.close();
  await kernel.stop();
});

// Swaps under live sessions, versions that throw in each step, hostile bytes, nothing left behind.
pluginConformance(test, {
  name,
  entry: resolve('hello.plugin.ts'),
  portCount: 1,
  settings: ([port]) => ({ port }),
  openSession: ({ ports: [port = 0] }) => openSession(port),
  keepsSessions: true,
});
