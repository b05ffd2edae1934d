import type { ExecutionContext } from 'ava';
import { peerTest } from '../../support/peers.ts';
import { startCallServer } from '../../support/sip/call-server.ts';
import { startSipp } from '../../support/sipp.ts';
import { until } from '../../support/until.ts';

/** Somebody of the internet. */
const CALLER = '203.0.113.7';
/** Packets of a tone that is played meanwhile. */
const PLAYED_MS = 1000;

/** Signalling goes to 127.0.0.1, and the media of SIPp is at 127.0.0.2. */
async function echoed(t: ExecutionContext, allowedTargets: readonly string[]): Promise<{ readonly bytesOut: number; readonly frames: number; readonly log: string }> {
  const server = await startCallServer(t, { media: { codecs: ['pcmu'] } }, {}, undefined, { network: { host: '127.0.0.1', allowedTargets } });
  const { operations, media, sessions } = server.kernel.kernel.parts;
  const sipp = await startSipp(t, { scenario: 'uas-answer', more: ['-mi', '127.0.0.2', '-rtp_echo'] });
  server.publishTone('tone', 1000);
  const call = (name: string, input: unknown): Promise<unknown> => operations.call(name, input, { caller: { kind: 'rest', user: 'admin', role: 'admin', address: CALLER }, signal: new AbortController().signal });
  await call('call.startup', { callId: 'one', callee: 'peer', toStream: 'heard', sipLogin: 'us', sipDomain: '127.0.0.1', sipPort: sipp.port });
  await until(async () => (await server.statusOf('one')) === 'ESTABLISHED', 'the answer', 30_000);
  await call('call.inject_stream', { callId: 'one', streamName: 'tone' });
  const frames = (): number => media.find('heard')?.stats.frames ?? 0;
  const endMs = performance.now() + PLAYED_MS;
  await until(() => frames() >= 10 || performance.now() > endMs, 'the echo', 5 * PLAYED_MS);
  const bytesOut = sessions.list({ protocol: 'sip' }).reduce((sum, session) => sum + (session.role === 'publish+play' ? session.bytesOut() : 0), 0);
  const result = { bytesOut, frames: frames(), log: server.kernel.logLines.join('') };
  await call('call.terminate', { callId: 'one' });
  t.is((await sipp.finished).status, 0);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
  return result;
}

peerTest('media goes only where whoever asked for the call may have it sent: a range of the media servers has to be allowed', ['sipp'], async (t) => {
  const [refused, allowed] = await Promise.all([echoed(t, ['127.0.0.1']), echoed(t, ['127.0.0.1', '127.0.0.2/31'])]);
  t.deepEqual([refused.bytesOut, refused.frames], [0, 0]);
  t.regex(refused.log, /network\.allowedTargets[^\n]*127\.0\.0\.2|127\.0\.0\.2[^\n]*network\.allowedTargets/);
  t.true(allowed.bytesOut > 0 && allowed.frames >= 10, JSON.stringify({ ...allowed, log: '' }));
});
