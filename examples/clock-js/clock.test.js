import { once } from 'node:events';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { freePorts, pluginConformance, startTestKernel } from 'wcs-core/testing';

const name = 'clock';

/** A client that waits for another line at each `verify`. */
async function openSession(port) {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return {
    verify: async () => {
      const { value } = await lines.next();
      if (!/^\d\d:\d\d:\d\d UTC$/.test(value)) throw new Error(`The line was ${value}.`);
    },
    close: () => socket.destroy(),
  };
}

test('the operation tells the time of a zone and refuses what is none', async (t) => {
  const [port] = await freePorts(1);
  const kernel = await startTestKernel({ plugins: { [name]: { path: resolve('.'), port } } });
  t.regex(await kernel.call(`${name}.time`, { zone: 'Europe/Berlin' }), /^\d\d:\d\d:\d\d$/);
  await t.throwsAsync(kernel.call(`${name}.time`, { zone: 'Moon' }), { message: /zone/ });
  await kernel.stop();
});

// Swaps under live sessions, versions that throw in each step, hostile bytes, nothing left behind.
pluginConformance(test, {
  name,
  entry: resolve('clock.plugin.js'),
  portCount: 1,
  settings: ([port]) => ({ port, periodMs: 20 }),
  openSession: ({ ports: [port] }) => openSession(port),
  keepsSessions: true,
});
