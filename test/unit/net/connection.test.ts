import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { Connection } from '../../../core/net/connection.ts';
import { noFault, openListeners } from '../../support/net.ts';
import { until } from '../../support/until.ts';

const ignoreClose = (): void => undefined;

/** One client and the kernel's end of it. */
async function connected(t: ExecutionContext, onFault = noFault(t)): Promise<{ client: Socket; connection: Connection }> {
  const listeners = await openListeners(t);
  let connection: Connection | undefined;
  const lease = await listeners.tcp({ host: '127.0.0.1', port: 0, name: 'a' }, (accepted) => {
    connection = accepted;
  }, onFault);
  lease.commit();
  const client = connect({ host: '127.0.0.1', port: lease.address.port, allowHalfOpen: true });
  client.on('error', () => undefined);
  t.teardown(() => client.destroy());
  return { client, connection: await until(() => connection, 'a connection') };
}

test('a stream of bytes is complete and in order through many changes of the handler', async (t) => {
  const { client, connection } = await connected(t);
  const received: Buffer[] = [];
  let changes = 0;
  const next = (): void => {
    changes++;
    connection.setHandler({
      onData: (chunk) => {
        received.push(chunk);
        if (changes >= 200) return;
        // Every third change leaves a gap without a handler.
        if (changes % 3 !== 0) next();
        else {
          changes++;
          connection.setHandler(undefined);
          setImmediate(next);
        }
      },
      onClose: ignoreClose,
    });
  };
  next();
  const sent = Buffer.alloc(8 * 1024 * 1024);
  for (let offset = 0; offset < sent.length; offset += 4) sent.writeUInt32BE(offset, offset);
  client.write(sent);
  await until(() => received.reduce((sum, chunk) => sum + chunk.length, 0) >= sent.length, 'all bytes');
  t.true(Buffer.concat(received).equals(sent));
  t.true(changes >= 50);
});

test('nothing is read, and the sender is held back, while no handler is set', async (t) => {
  const { client, connection } = await connected(t);
  client.write(Buffer.alloc(32 * 1024 * 1024));
  await until(() => client.writableLength > 0 && connection.bytesRead > 0, 'the buffers to fill');
  connection.resume();
  await new Promise((resolve) => setImmediate(resolve));
  t.true(connection.bytesRead < 1024 * 1024);
});

test('a handler that throws ends its connection and is reported; its onClose still runs', async (t) => {
  const faults: unknown[] = [];
  const { client, connection } = await connected(t, (error) => faults.push(error));
  let closed = 0;
  connection.setHandler({
    onData: () => {
      throw new Error('broken handler');
    },
    onClose: () => {
      closed++;
      throw new Error('broken again');
    },
  });
  client.write('x');
  await until(() => faults.length === 2, 'two faults');
  t.deepEqual(faults.map((fault) => (fault as Error).message), ['broken handler', 'broken again']);
  t.is(closed, 1);
  t.true(connection.destroyed);
});

test('a handler set on a closed connection is told so', async (t) => {
  const { client, connection } = await connected(t);
  client.resetAndDestroy();
  connection.socket.resume();
  await until(() => connection.socket.closed, 'the close');
  const error = await new Promise<Error | undefined>((resolve) => connection.setHandler({ onData: () => undefined, onClose: resolve }));
  t.is((error as NodeJS.ErrnoException).code, 'ECONNRESET');
  t.false(connection.write(Buffer.from('x')));
});

test('a half-closed connection is ended for the handler, unless the handler wants to do it', async (t) => {
  const { client, connection } = await connected(t);
  const answer = new Promise<string>((resolve) => client.once('data', (chunk) => resolve(String(chunk))));
  connection.setHandler({ onData: () => undefined, onEnd: () => connection.end(Buffer.from('after the end')), onClose: ignoreClose });
  client.end('request');
  t.is(await answer, 'after the end');
  t.true(connection.inputEnded);

  const second = await connected(t);
  second.connection.setHandler({ onData: () => undefined, onClose: ignoreClose });
  second.client.end('request').resume();
  await until(() => second.connection.socket.closed, 'the kernel to end it');
  t.pass();
});

test('the backlog is what the peer has not taken, and drain tells when it has', async (t) => {
  const { client, connection } = await connected(t);
  client.pause();
  let drained = false;
  connection.setHandler({ onData: () => undefined, onDrain: () => (drained = true), onClose: ignoreClose });
  while (connection.write(Buffer.alloc(1024 * 1024)));
  t.true(connection.backlogBytes > 0);
  client.resume();
  await until(() => drained, 'drain');
  t.is(connection.backlogBytes, 0);
});

test('a library that takes the socket gets every byte itself', async (t) => {
  const { client, connection } = await connected(t);
  client.write('before');
  await until(() => connection.socket.readableLength === 6, 'the first bytes');
  const received: string[] = [];
  connection.takeSocket().on('data', (chunk) => received.push(String(chunk)));
  client.write(' after');
  await until(() => received.join('') === 'before after', 'all bytes');
  t.pass();
});
