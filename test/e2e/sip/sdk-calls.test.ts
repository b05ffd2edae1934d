import { existsSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { startBaresip } from '../../support/baresip.ts';
import { startBrowserServer, type BrowserServer } from '../../support/browser-server.ts';
import { startKamailio, type Kamailio, type KamailioSwitch } from '../../support/kamailio.ts';
import { hasPeer } from '../../support/peers.ts';
import { logOf, openSdkPages } from '../../support/sdk-page.ts';
import { hearStream } from '../../support/sip/call-server.ts';
import { startSipp } from '../../support/sipp.ts';
import { freePorts } from '../../support/test-kernel.ts';
import { levelOf, toneShare } from '../../support/tones.ts';
import { until } from '../../support/until.ts';

const canRun = existsSync(process.env['CHROMIUM'] ?? '/usr/bin/chromium') && hasPeer('kamailio') && hasPeer('baresip') && hasPeer('sipp');
const inBrowser = canRun ? test.serial : test.serial.skip;
const TONE_HZ = 700;

interface Setup {
  readonly server: BrowserServer;
  readonly pbx: Kamailio;
  readonly page: Page;
}

async function start(t: ExecutionContext, ...switches: KamailioSwitch[]): Promise<Setup> {
  const [sipPort = 0] = await freePorts(1);
  const [server, pbx, [page]] = await Promise.all([startBrowserServer(t, { plugins: { sip: { enabled: true, engine: { port: sipPort }, media: { codecs: ['pcmu'] } } } }), startKamailio(t, ...switches), openSdkPages(t, 1)]);
  t.teardown(async () => {
    if (!t.passed) t.log(await logOf(page!).catch(() => []));
  });
  return { server, pbx, page: page! };
}

async function seen(page: Page, what: string | RegExp, timeoutMs = 20_000): Promise<void> {
  const fits = (line: string): boolean => (typeof what === 'string' ? line.trim() === what : what.test(line));
  await until(async () => (await logOf(page)).some(fits), `${String(what)} in ${JSON.stringify(await logOf(page))}`, timeoutMs);
}

async function register({ server, pbx, page }: Setup): Promise<void> {
  const sipOptions = { login: '1001', authenticationName: '1001', password: 'secret-1001', domain: 'pbx.test', outboundProxy: '127.0.0.1', port: String(pbx.port), registerRequired: true };
  await page.evaluate(`connect('${server.webSocketUrl}', ${JSON.stringify({ sipOptions })})`);
  await seen(page, /^session REGISTERED/);
}

inBrowser("the unmodified SDK registers at kamailio and calls baresip's echo: the tone comes back, is held, and sent on to another", async (t) => {
  t.timeout(90_000);
  const setup = await start(t);
  const { server, page } = setup;
  const [, tone] = await Promise.all([startBaresip(t, 'echo', setup.pbx), startBaresip(t, 'tone', setup.pbx), register(setup)]);
  await page.evaluate(`useTone(${TONE_HZ}); dial('call', { callee: '1002', visibleName: 'Tester' })`);
  await seen(page, /^call ESTABLISHED/);
  const [call] = (await server.kernel.call('call.find_all')) as { toStream: string }[];
  const streams = server.kernel.kernel.parts.media.streams().map(({ name }) => name);
  for (const name of [...streams.filter((one) => one !== call!.toStream), call!.toStream]) {
    const heard = await until(async () => {
      const samples = await hearStream(server.kernel, name, 500);
      return toneShare(samples, 8000, TONE_HZ) > 0.9 ? samples : undefined;
    }, `the tone in ${name === call!.toStream ? 'what comes back' : 'what is sent'}`);
    t.log(`${toneShare(heard, 8000, TONE_HZ).toFixed(3)} of the energy at ${TONE_HZ} Hz, level ${levelOf(heard).toFixed(0)}`);
    t.true(levelOf(heard) > 2000, `level ${levelOf(heard)}`);
  }
  await until(async () => Number(await page.evaluate('loudness("call")')) > 0.05, 'the browser to hear it');
  await page.evaluate('calls.call.hold()');
  await seen(page, /^call HOLD/);
  await page.evaluate('calls.call.unhold()');
  await until(async () => (await logOf(page)).filter((line) => line.startsWith('call ESTABLISHED')).length === 2, 'the call to go on');
  await page.evaluate(`calls.call.transfer('sip:1003@127.0.0.1:${setup.pbx.port}')`);
  await seen(page, /^call FINISH/);
  await until(() => /Call established/.test(tone.log()), 'the log of baresip');
  t.deepEqual((await logOf(page)).filter((line) => /page error|unhandled/.test(line)), []);
  await until(() => server.kernel.kernel.parts.sessions.list({ protocol: 'webrtc' }).length === 0, 'the media to end');
  for (const plugin of ['sip', 'websocket', 'webrtc']) t.is(server.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});

inBrowser('a callee that is busy, or unknown, is told to the SDK', async (t) => {
  t.timeout(60_000);
  const setup = await start(t);
  await register(setup);
  await setup.page.evaluate(`useTone(${TONE_HZ}); dial('busy', { callee: '486' }); dial('absent', { callee: '7777' })`);
  await Promise.all([seen(setup.page, /^busy BUSY/), seen(setup.page, /^absent FAILED/)]);
  t.is(setup.server.kernel.kernel.parts.sessions.list({ protocol: 'webrtc' }).length, 0);
});

inBrowser('the SDK is called by SIPp through kamailio, answers, and is heard', async (t) => {
  t.timeout(60_000);
  const setup = await start(t, 'WITH_NOAUTH');
  const { server, pbx, page } = setup;
  await register(setup);
  await page.evaluate(`useTone(${TONE_HZ}); awaitCalls()`);
  const sipp = await startSipp(t, { scenario: 'uac-direct', target: `127.0.0.1:${pbx.port}`, service: '1001', holdMs: 4000, more: ['-rtp_echo'] });
  await seen(page, /^incoming RING/);
  await page.evaluate(`take('incoming')`);
  await seen(page, /^incoming ESTABLISHED/);
  const [call] = (await server.kernel.call('call.find_all')) as { toStream: string }[];
  const samples = await hearStream(server.kernel, call!.toStream, 500);
  t.true(toneShare(samples, 8000, TONE_HZ) > 0.8, 'SIPp returns the tone of the browser');
  await seen(page, /^incoming FINISH/);
  t.is((await sipp.finished).status, 0);
  t.deepEqual((await logOf(page)).filter((line) => /page error|unhandled/.test(line)), []);
  await until(() => server.kernel.kernel.parts.sessions.list({ protocol: 'webrtc' }).length === 0, 'the media to end');
  for (const plugin of ['sip', 'websocket', 'webrtc']) t.is(server.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});

inBrowser('who is called by the SDK sends it on: it hears the next one in the same call, and knows of no other', async (t) => {
  t.timeout(60_000);
  const [sipPort = 0] = await freePorts(1);
  const [server, [page], next] = await Promise.all([startBrowserServer(t, { plugins: { sip: { enabled: true, engine: { port: sipPort }, media: { codecs: ['pcmu'] } } } }), openSdkPages(t, 1), startSipp(t, { scenario: 'uas-answer', more: ['-rtp_echo'] })]);
  const referrer = await startSipp(t, { scenario: 'uas-transfer', holdMs: 1000, more: ['-key', 'refer_to', `sip:next@127.0.0.1:${next.port}`] });
  const sipOptions = { login: 'us', authenticationName: 'us', password: '', domain: `127.0.0.1:${referrer.port}`, outboundProxy: '', port: 0, registerRequired: false };
  await page!.evaluate(`connect('${server.webSocketUrl}', ${JSON.stringify({ sipOptions })})`);
  await seen(page!, /^session ESTABLISHED/);
  await page!.evaluate(`useTone(${TONE_HZ}); dial('call', { callee: 'referrer' })`);
  t.is((await referrer.finished).status, 0, (await referrer.finished).stderr);
  // The first one returned nothing.
  await until(async () => Number(await page!.evaluate('loudness("call")')) > 0.05, 'the browser to hear its tone from the next one');
  t.is((await logOf(page!)).filter((line) => line.startsWith('call ESTABLISHED')).length, 2);
  await page!.evaluate('calls.call.hangup()');
  await seen(page!, /^call FINISH/);
  t.is((await next.finished).status, 0, (await next.finished).stderr);
  t.deepEqual((await logOf(page!)).filter((line) => /page error|unhandled/.test(line)), []);
  for (const plugin of ['sip', 'websocket', 'webrtc']) t.is(server.kernel.kernel.host.slot(plugin).faultsSeen, 0, plugin);
});

inBrowser('two browsers call each other without an exchange', async (t) => {
  t.timeout(60_000);
  const [sipPort = 0] = await freePorts(1);
  const [server, pages] = await Promise.all([startBrowserServer(t, { plugins: { sip: { enabled: true, localCalls: true, engine: { port: sipPort } } } }), openSdkPages(t, 2)]);
  const [anna, ben] = pages as [Page, Page];
  for (const [page, login] of [[anna, 'anna'], [ben, 'ben']] as const) {
    await page.evaluate(`connect('${server.webSocketUrl}', { sipOptions: { login: '${login}', authenticationName: '${login}', password: '', domain: '', outboundProxy: '', port: 0, registerRequired: true } }); useTone(${TONE_HZ})`);
    await seen(page, /^session REGISTERED/);
  }
  await ben.evaluate('awaitCalls()');
  await anna.evaluate(`dial('absent', { callee: 'nobody' }); dial('call', { callee: 'ben' })`);
  await seen(anna, /^absent FAILED/);
  await seen(ben, /^incoming RING/);
  await ben.evaluate(`take('incoming')`);
  await Promise.all([seen(anna, /^call ESTABLISHED/), seen(ben, /^incoming ESTABLISHED/)]);
  for (const [page, key] of [[anna, 'call'], [ben, 'incoming']] as const) {
    await until(async () => Number(await page.evaluate(`loudness('${key}')`)) > 0.05, `${key} to be heard`);
  }
  await ben.evaluate('calls.incoming.hangup()');
  await Promise.all([seen(anna, /^call FINISH/), seen(ben, /^incoming FINISH/)]);
  t.is(server.kernel.kernel.host.slot('sip').faultsSeen, 0);
});
