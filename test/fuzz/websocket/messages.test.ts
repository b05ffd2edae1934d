import test from 'ava';
import fc from 'fast-check';
import { ProtocolError } from '../../../core/errors/wcs-error.ts';
import { CALL_MESSAGES, parseClientMessage } from '../../../plugins/websocket/wire/client-message.ts';
import { SignallingClient } from '../../support/signalling-client.ts';
import { freePorts, startTestKernel } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const NAMES = [
  'connection', 'ping', 'pong', 'publishStream', 'unPublishStream', 'playStream', 'stopStream', 'snapshot', 'availableStream', 'sendStreamEvent', 'sendData',
  'sessionDebug', 'submitBugReport', 'pushLogs', 'webRTCMetricsClientDescription', 'webRTCMetricsBatch', 'connectMediaTransport', 'nonsense', 'toString', ...CALL_MESSAGES,
];
const FIELDS = ['mediaSessionId', 'name', 'sdp', 'mediaProvider', 'custom', 'operationId', 'payload', 'type', 'command', 'logs', 'authToken', 'callId', 'keepAlive', 'appKey', 'width', 'transport'];
const value = fc.oneof(fc.constantFrom('m1', 'm2', 'cam', 'MSE', 'WebRTC', 'data', 'audioMuted', 'start', 'roomApp', true), fc.jsonValue({ maxDepth: 3 }), fc.constant({ command: 'join', options: { name: 'r' } }));
const argument = fc.oneof(fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 8 }), fc.jsonValue({ maxDepth: 2 }));
const message = fc.tuple(fc.constantFrom(...NAMES), argument).map(([name, data]) => JSON.stringify({ message: name, data: [data] }));

test('no text but a message is read, and none throws anything but ProtocolError', (t) => {
  let refused = 0;
  const text = fc.oneof(message, fc.string({ maxLength: 200 }), fc.tuple(message, fc.nat(400), fc.string({ maxLength: 3 })).map(([one, at, other]) => one.slice(0, at) + other + one.slice(at)));
  fc.assert(
    fc.property(text, (input) => {
      try {
        const parsed = parseClientMessage(input);
        return typeof parsed.type === 'string';
      } catch (error) {
        refused++;
        return error instanceof ProtocolError;
      }
    }),
    { numRuns: 3000, seed: 5 },
  );
  t.true(refused > 100);
});

test('whatever a client says, it is no fault of the server, which serves the next one', async (t) => {
  t.timeout(60_000);
  const [port = 0, tlsPort = 0] = await freePorts(2);
  const kernel = await startTestKernel({ plugins: { websocket: { port, tlsPort } } });
  t.teardown(() => kernel.stop());
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 20 }), async (messages) => {
      const client = await SignallingClient.connect(port, { appKey: 'roomApp', custom: { login: 'Alice' } });
      for (const one of messages) client.socket.send(one);
      client.send('availableStream', { mediaSessionId: 'last', name: 'x' });
      await until(() => client.close ?? client.all('availableStream').some((answer) => answer.id === 'last'), 'the last answer');
      client.end();
    }),
    { numRuns: 60, seed: 9, interruptAfterTimeLimit: 20_000 },
  );
  await until(() => kernel.kernel.parts.sessions.count('websocket') === 0, 'every session to end');
  t.is(kernel.kernel.host.slot('websocket').faultsSeen, 0);
});
