import test from 'ava';
import fc from 'fast-check';
import { noFault, openListeners } from '../../support/net.ts';
import { until } from '../../support/until.ts';
import { clientFrame, RawWebSocket } from '../../support/websocket-raw.ts';

const frame = fc
  .tuple(fc.integer({ min: 0, max: 15 }), fc.uint8Array({ maxLength: 300 }), fc.boolean(), fc.constantFrom(0, 0, 0, 0x10, 0x40))
  .map(([opcode, payload, fin, rsv]) => clientFrame(opcode, payload, { fin, rsv }));
const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 2000 }).map((noise) => Buffer.from(noise)),
  fc.array(frame, { minLength: 1, maxLength: 8 }).map((frames) => Buffer.concat(frames)),
  fc.tuple(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.nat(400), fc.nat(255)).map(([frames, at, value]) => {
    const all = Buffer.concat(frames);
    all[at % all.length] = value;
    return all;
  }),
);

test('whatever comes after the handshake ends its own connection at most', async (t) => {
  t.timeout(60_000);
  const listeners = await openListeners(t);
  let open = 0;
  const lease = await listeners.websocket(
    { host: '127.0.0.1', port: 0, name: 'test', tls: false },
    (connection) => {
      open++;
      connection.setHandler({ onText: (text) => void connection.sendText(text), onBinary: (data) => void connection.sendBinary(data), onClose: () => open-- });
    },
    noFault(t),
  );
  lease.commit();
  const { port } = lease.address;
  await fc.assert(
    fc.asyncProperty(bytes, fc.nat(2000), async (input, cut) => {
      const raw = new RawWebSocket(port);
      await raw.open();
      raw.socket.write(input.subarray(0, cut));
      raw.socket.write(input.subarray(cut));
      raw.socket.end();
      await until(() => raw.closed, 'the end');
    }),
    { numRuns: 150, seed: 8, interruptAfterTimeLimit: 20_000 },
  );
  await until(() => open === 0, 'every connection to end');
  t.is(open, 0);
});
