import { connect } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { TORTURE } from '../../golden/sip/torture-messages.ts';
import { RAW_SDP, RawSipClient, rawCall, sipText } from '../../support/sip/raw-client.ts';
import { startSipApp } from '../../support/sip/sip-app.ts';
import { until } from '../../support/until.ts';

const head = (uri = 'sip:x@127.0.0.1'): string[] => [`OPTIONS ${uri} SIP/2.0`, 'Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKh;rport', 'From: <sip:h@127.0.0.1>;tag=h', 'To: <sip:x@127.0.0.1>', 'Call-ID: h', 'CSeq: 1 OPTIONS', 'Max-Forwards: 70'];

function hostileMessages(): Buffer[] {
  const runs = [' ', '"', '<', ',', ';', '\\', 'a', '\t', '%', '\u0001'].map((character) => Buffer.from(sipText([...head(), `Subject: ${character.repeat(8000)}`])));
  return [
    ...TORTURE.map(({ text }) => Buffer.from(text)), ...runs, Buffer.from(sipText([...head(), ...Array.from({ length: 10_000 }, (_unused, index) => `X${index}: y`)]).slice(0, 60_000)),
    Buffer.from(sipText([...head(), `X: ${'y'.repeat(60_000)}`])), Buffer.from(sipText(head(), 'z'.repeat(60_000))), Buffer.alloc(60_000, 0), Buffer.from('\r\n'), Buffer.from('\r\n\r\n'), Buffer.from([0]),
  ];
}

test.serial('hostile SIP over UDP and TCP, and a flood, leave a good call alone and the event loop free', async (t) => {
  const app = await startSipApp(t, { messagesPerSecond: 2000 });
  const good = new RawSipClient(app.port, 'tcp');
  t.teardown(() => good.close());
  const call = rawCall('sip:echo@127.0.0.1');
  t.is((await good.request('INVITE', call, RAW_SDP)).status, 200);
  await good.request('ACK', call);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const udp = new RawSipClient(app.port, 'udp');
  t.teardown(() => udp.close());
  for (const message of hostileMessages()) {
    udp.send(message);
    const stream = connect(app.port, '127.0.0.1');
    stream.on('error', () => undefined);
    stream.end(message);
    await sleep(2);
  }
  const bytewise = connect(app.port, '127.0.0.1');
  bytewise.setNoDelay(true);
  let answered = '';
  bytewise.on('data', (data) => (answered += data.toString()));
  for (const byte of Buffer.from(sipText(head().map((line) => line.replace('UDP', 'TCP').replace('Call-ID: h', 'Call-ID: bytes').replace('z9hG4bKh', 'z9hG4bKbytes'))))) bytewise.write(Uint8Array.of(byte));
  await until(() => answered.startsWith('SIP/2.0 200'), 'the answer to the bytes');
  bytewise.destroy();
  delay.disable();
  t.is((await good.request('INVITE', call, RAW_SDP)).status, 200, 'the call can be changed');
  await good.request('ACK', call);
  t.is((await good.request('BYE', call)).status, 200);
  const { malformed } = await app.state();
  t.true(malformed > 20);
  t.is(app.kernel.kernel.host.slot('sipapp').faultsSeen, 0);
  t.log(`longest delay of the event loop ${(delay.max / 1e6).toFixed(0)} ms, p99 ${(delay.percentile(99) / 1e6).toFixed(0)} ms`);
  t.true(delay.percentile(95) / 1e6 < 50, 'the loop is free');
});

test.serial('an address that floods is not heard beyond its share, and is heard again afterwards', async (t) => {
  const app = await startSipApp(t, { messagesPerSecond: 20 });
  const flood = new RawSipClient(app.port, 'udp');
  t.teardown(() => flood.close());
  for (let index = 0; index < 300; index++) flood.send(sipText(head().map((line) => line.replace('z9hG4bKh', `z9hG4bKf${index}`).replace('Call-ID: h', `Call-ID: f${index}`))));
  await until(async () => (await app.state()).dropped > 100, 'messages to be dropped');
  t.true(flood.received.length <= 60);
  await sleep(1000);
  t.is((await flood.request('OPTIONS', rawCall('sip:x@127.0.0.1'))).status, 200);
});

test.serial('a scanner gets no answer', async (t) => {
  const app = await startSipApp(t);
  const scanner = new RawSipClient(app.port, 'udp');
  t.teardown(() => scanner.close());
  scanner.send(sipText([...head(), 'User-Agent: friendly-scanner']));
  await until(async () => (await app.state()).dropped === 1, 'the message to be dropped');
  t.is(scanner.received.length, 0);
});
