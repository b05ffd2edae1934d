import test, { type ExecutionContext } from 'ava';
import { startBaresip } from '../../support/baresip.ts';
import { startKamailio } from '../../support/kamailio.ts';
import { peerTest } from '../../support/peers.ts';
import { PluginUnderTest } from '../../support/conformance/plugin-under-test.ts';
import { sipEntry, startCallServer, type CallServer } from '../../support/sip/call-server.ts';
import { startSipp } from '../../support/sipp.ts';
import { startWebPhones } from '../../support/sip/web-phones.ts';
import { levelOf, toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

peerTest('a call without a browser: a stream is heard by baresip, and what it returns becomes a stream', ['kamailio', 'baresip'], async (t) => {
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } });
  const pbx = await startKamailio(t);
  await startBaresip(t, 'echo', pbx);
  server.publishTone('tone', 1000);
  const account = { sipLogin: '1001', sipPassword: 'secret-1001', sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port };
  await server.call('call.startup', { callId: 'one', callee: '1002', toStream: 'echoed', ...account });
  await until(async () => (await server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
  await server.call('call.inject_stream', { callId: 'one', streamName: 'tone' });
  await until(async () => toneShare(await server.hear('echoed', 200), 8000, 1000) > 0.9, 'the tone to come back');
  const samples = await server.hear('echoed', 1000);
  t.true(toneShare(samples, 8000, 1000) > 0.9, `share of the tone ${toneShare(samples, 8000, 1000)}`);
  const level = levelOf(samples);
  t.true(level > 4000 && level < 7500, `level ${level}: what was sent has 5657`);
  await server.call('call.terminate', { callId: 'one' });
  await until(() => server.kernel.kernel.parts.media.find('echoed') === undefined, 'the stream to end');
  t.is(await server.statusOf('one'), undefined);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

/** Calls a SIPp that plays the called side. */
async function callSipp(t: ExecutionContext, scenario: string, more: readonly string[] = []): Promise<{ server: CallServer; finished: Awaited<ReturnType<typeof startSipp>>['finished'] }> {
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } });
  const sipp = await startSipp(t, { scenario, holdMs: 400, more });
  await server.call('call.startup', { callId: 'one', callee: 'peer', toStream: 'heard', sipLogin: 'us', sipDomain: '127.0.0.1', sipPort: sipp.port });
  return { server, finished: sipp.finished };
}

async function passes(t: ExecutionContext, { server, finished }: Awaited<ReturnType<typeof callSipp>>): Promise<void> {
  const { status, stderr } = await finished;
  t.is(status, 0, stderr);
  await until(async () => (await server.statusOf('one')) === undefined, 'the end of the call');
  t.is(server.kernel.kernel.parts.media.find('heard'), undefined);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
}

async function keysReceived({ kernel }: CallServer): Promise<number> {
  const text = await kernel.kernel.parts.metrics.prometheus();
  return Number(/^wcs_sip_keys_received (\d+)/m.exec(text)?.[1] ?? 0);
}

peerTest('keys within the media come back from an echo each once, and keys beside it are taken by SIPp', ['sipp'], async (t) => {
  const echo = await callSipp(t, 'uas-answer', ['-rtp_echo']);
  await until(async () => (await echo.server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
  const before = await keysReceived(echo.server);
  echo.server.publishTone('tone', 1000);
  await echo.server.call('call.inject_stream', { callId: 'one', streamName: 'tone' });
  await echo.server.call('call.send_dtmf', { callId: 'one', dtmf: '12#' });
  await until(async () => (await keysReceived(echo.server)) === before + 3, 'three keys');
  t.true(toneShare(await echo.server.hear('heard', 300), 8000, 1000) > 0.8, 'the sound goes on behind the keys');
  await echo.server.call('call.terminate', { callId: 'one' });
  await passes(t, echo);
  const info = await callSipp(t, 'uas-info');
  await until(async () => (await info.server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
  await info.server.call('call.send_dtmf', { callId: 'one', dtmf: 5, type: 'INFO_RELAY' });
  await info.server.call('call.terminate', { callId: 'one' });
  await passes(t, info);
});

peerTest('a key in the sound is heard once where the other side takes no key events, and not where it does', ['sipp'], async (t) => {
  const heard = async (scenario: string): Promise<number> => {
    const echo = await callSipp(t, scenario, ['-rtp_echo']);
    await until(async () => (await echo.server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
    echo.server.publishTone('five', [770, 1336], 6000);
    await echo.server.call('call.inject_stream', { callId: 'one', streamName: 'five' });
    t.true(toneShare(await echo.server.hear('heard', 400), 8000, 1336) > 0.4, 'it has come back');
    const keys = await keysReceived(echo.server);
    await echo.server.call('call.terminate', { callId: 'one' });
    await passes(t, echo);
    return keys;
  };
  t.deepEqual([await heard('uas-no-events'), await heard('uas-answer')], [1, 0]);
});

peerTest('SIPp holds and goes on, sends early media, and hangs up', ['sipp'], async (t) => {
  const held = await callSipp(t, 'uas-hold');
  await until(async () => (await held.server.statusOf('one')) === 'HOLD', 'the hold');
  await until(async () => (await held.server.statusOf('one')) === 'ESTABLISHED', 'the call to go on');
  await held.server.call('call.terminate', { callId: 'one' });
  await passes(t, held);
  const early = await callSipp(t, 'uas-early-media');
  await until(async () => (await early.server.statusOf('one')) === 'RING_MEDIA', 'early media');
  t.truthy(early.server.kernel.kernel.parts.media.find('heard'), 'it is a stream already');
  await until(async () => (await early.server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
  await early.server.call('call.terminate', { callId: 'one' });
  await passes(t, early);
  await passes(t, await callSipp(t, 'uas-bye'));
});

peerTest('pictures in VP8 come from baresip, and are taken by it', ['kamailio', 'baresip'], async (t) => {
  const server = await startCallServer(t, { media: { codecs: ['pcmu', 'vp8'] } });
  const pbx = await startKamailio(t);
  const baresip = await startBaresip(t, 'echo', pbx);
  const account = { sipLogin: '1001', sipPassword: 'secret-1001', sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port };
  for (const callId of ['one', 'two']) await server.call('call.startup', { callId, callee: '1002', toStream: `of-${callId}`, hasVideo: true, ...account });
  await until(async () => (await server.statusOf('one')) === 'ESTABLISHED' && (await server.statusOf('two')) === 'ESTABLISHED', 'the answers', 30_000);
  const { media } = server.kernel.kernel.parts;
  const pictures: { readonly key: boolean; readonly data: Uint8Array; readonly ptsUs: number }[] = [];
  const stream = await until(() => media.find('of-one'), 'the stream');
  const subscription = stream.subscribe({
    plane: 'frames', from: 'live', label: 'eye', accept: [{ kind: 'video', codecs: ['vp8'] }],
    sink: { onTracks: () => undefined, onFrame: ({ key, data, ptsUs }) => void pictures.push({ key, data: data.slice(), ptsUs }), onEnd: () => undefined },
  });
  const first = await until(() => (pictures.length >= 15 ? pictures.find(({ key }) => key) : undefined), 'a second of pictures, and a key frame');
  subscription.close();
  // Start code and size of a key frame. @see RFC 6386 section 9.1
  t.is(Buffer.from(first.data.subarray(3, 10)).toString('hex'), '9d012a60012001');
  t.true(pictures.every(({ ptsUs }, index) => index === 0 || ptsUs > pictures[index - 1]!.ptsUs));
  await server.call('call.inject_stream', { callId: 'two', streamName: 'of-one' });
  const bytesOut = async (): Promise<number> => (await server.call<{ bytesOut: number; callee?: string }[]>('session.list')).reduce((sum, row) => sum + (row.callee === '1002' ? row.bytesOut : 0), 0);
  await until(async () => (await bytesOut()) > 20_000, 'pictures to go out', 15_000);
  for (const callId of ['one', 'two']) await server.call('call.terminate', { callId });
  // Nothing but pictures goes to it, and in one of the calls.
  const received = await until(() => [...baresip.log().matchAll(/^packets:\s+(\d+)\s+(\d+)/gm)].map(([, , count]) => Number(count)).find((count) => count > 10), 'the statistics of baresip', 5000).catch(() => 0);
  t.true(received > 10, baresip.log().slice(-2000));
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});

peerTest('a call that rings is given up by a CANCEL', ['sipp'], async (t) => {
  const cancelled = await callSipp(t, 'uas-cancel');
  await until(async () => (await cancelled.server.statusOf('one')) === 'RING', 'ringing');
  await cancelled.server.call('call.terminate', { callId: 'one' });
  await passes(t, cancelled);
});

peerTest('media is encrypted with keys of the description, or by DTLS: the tone of baresip, both ways, through a swap', ['kamailio', 'baresip'], async (t) => {
  const plugin = new PluginUnderTest('sip', sipEntry);
  t.teardown(() => plugin.remove());
  const [sdes, dtls, pbx] = await Promise.all([startCallServer(t, { media: { codecs: ['pcmu'], secure: 'sdes' } }), startCallServer(t, { media: { codecs: ['pcmu'], secure: 'dtls' } }, {}, plugin.folder), startKamailio(t)]);
  const baresip = await startBaresip(t, 'secure', pbx);
  const account = { sipLogin: '1001', sipPassword: 'secret-1001', sipDomain: 'pbx.test', sipOutboundProxy: '127.0.0.1', sipPort: pbx.port };
  for (const [server, callee] of [[sdes, '1004'], [dtls, '1005']] as const) {
    server.publishTone('tone', 1000);
    await server.call('call.startup', { callId: 'one', callee, toStream: 'heard', ...account });
    await until(async () => (await server.statusOf('one')) === 'ESTABLISHED', `the answer of ${callee}`, 30_000);
    await server.call('call.inject_stream', { callId: 'one', streamName: 'tone' });
    await until(async () => toneShare(await server.hear('heard', 200), 8000, 440) > 0.9, `the tone of ${callee}`);
  }
  plugin.writeGood();
  await dtls.call('plugin.reload', { name: 'sip' });
  await until(async () => toneShare(await dtls.hear('heard', 200), 8000, 440) > 0.9, 'the tone behind the swap');
  for (const server of [sdes, dtls]) {
    await server.call('call.terminate', { callId: 'one' });
    t.is(await server.statusOf('one'), undefined);
    t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
  }
  // What it has understood of ours, in both calls.
  const counted = await until(() => [...baresip.log().matchAll(/^packets:\s+(\d+)\s+(\d+)/gm)].map(([, , received]) => Number(received)).filter((received) => received > 10).length >= 2, 'the statistics of baresip').catch(() => false);
  t.true(counted, baresip.log().slice(-2000));
});

test.serial('with DTLS the side that answers waits, and we begin: both sides of a call among our own clients hear each other', async (t) => {
  const phones = await startWebPhones(t, { localCalls: true, media: { codecs: ['pcmu'], secure: 'dtls' } });
  const [anna, ben] = await Promise.all(['anna', 'ben'].map((sipLogin) => phones.connect({ sipLogin, sipRegisterRequired: true })));
  const [, bensCall] = await Promise.all([anna!.call('a', 'ben'), ben!.take()]);
  const streamOf = async (callId: string): Promise<string> => (await phones.call<{ toStream: string }[]>('call.find', { callId }))[0]!.toStream;
  for (const [callId, other, frequencyHz] of [['a', bensCall, 440], [bensCall, 'a', 1000]] as const) {
    phones.publishTone(`of-${frequencyHz}`, frequencyHz);
    await phones.call('call.inject_stream', { callId, streamName: `of-${frequencyHz}` });
    const heard = await streamOf(other);
    await until(async () => toneShare(await phones.hear(heard, 200), 8000, frequencyHz) > 0.9, `the tone of ${frequencyHz} Hz`, 15_000);
  }
  anna!.client.send('hangup', { callId: 'a' });
  await Promise.all([anna!.status('finish', 'a'), ben!.status('finish', bensCall)]);
  t.is(phones.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
