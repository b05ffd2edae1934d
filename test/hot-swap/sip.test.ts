import test from 'ava';
import { startExternalServer } from '../support/sip/external-server.ts';
import { startSipApp, startSipAppOn, sipAppEntry, type SipAppServer } from '../support/sip/sip-app.ts';
import { PluginUnderTest } from '../support/conformance/plugin-under-test.ts';
import { until } from '../support/until.ts';

const CALLS = 20;

/** @param isElsewhere the first one has no engine of its own */
async function withSwaps(t: Parameters<typeof startSipApp>[0], isElsewhere = false): Promise<{ one: SipAppServer; two: SipAppServer; swap: () => Promise<void> }> {
  const plugin = new PluginUnderTest('sipapp', sipAppEntry);
  t.teardown(() => plugin.remove());
  const [one, two] = [await (isElsewhere ? startSipAppOn(t, await startExternalServer(t), plugin.folder) : startSipApp(t, {}, plugin.folder)), await startSipApp(t)];
  const swap = async (): Promise<void> => {
    plugin.writeGood();
    await one.kernel.call('plugin.reload', { name: 'sipapp' });
  };
  return { one, two, swap };
}

for (const [transport, isElsewhere] of [['udp', false], ['tcp', false], ['udp', true]] as const) {
  test.serial(`${CALLS} calls go on through a swap over ${transport}${isElsewhere ? ' with a SIP server elsewhere' : ''}: a BYE of either side, and a change, find their dialog`, async (t) => {
    const { one, two, swap } = await withSwaps(t, isElsewhere);
    const to = (port: number): string => `sip:echo@127.0.0.1:${port};transport=${transport}`;
    const ours: string[] = [];
    for (let index = 0; index < CALLS / 2; index++) {
      ours.push((await one.call<{ id: string }>('call', { uri: to(two.port) })).id);
      await two.call('call', { uri: to(one.port) });
    }
    await until(async () => (await one.state()).dialogs.length === CALLS, 'all dialogs');
    await swap();
    t.is((await one.state()).dialogs.length, CALLS);
    t.is((await two.state()).dialogs.length, CALLS);
    t.regex(await one.call('modify', { id: ours[0], direction: 'sendonly' }), /a=recvonly/);
    for (const id of ours.slice(0, 5)) await one.call('hangup', { id });
    await swap();
    for (const id of (await two.state()).dialogs) {
      t.regex(await two.call('modify', { id, direction: 'sendrecv' }), /a=sendrecv/);
      await two.call('hangup', { id });
    }
    for (const server of [one, two]) {
      await until(async () => (await server.state()).dialogs.length === 0, 'the end of all calls');
      t.is(server.kernel.kernel.host.slot('sipapp').faultsSeen, 0);
    }
  });
}

for (const isElsewhere of [false, true]) test.serial(`a call of ours that rings during a swap is answered to the new version, and one from outside is rung and cancelled there${isElsewhere ? ', with a SIP server elsewhere' : ''}`, async (t) => {
  const { one, two, swap } = await withSwaps(t, isElsewhere);
  await one.call('dial', { uri: `sip:slow@127.0.0.1:${two.port}` });
  await two.call('dial', { uri: `sip:ring@127.0.0.1:${one.port}` });
  await until(async () => (await one.events()).includes('provisional 180') && (await two.events()).includes('provisional 180'), 'both to ring');
  await swap();
  await until(async () => (await one.state()).dialogs.length === 1, 'the answer');
  await two.call('cancel');
  await until(async () => (await two.events()).includes('failed 487'), 'the 487');
  await until(async () => (await one.events()).includes('cancel ring'), 'the cancel');
  const [id] = (await one.state()).dialogs;
  await one.call('hangup', { id });
  await until(async () => (await two.state()).dialogs.length === 0, 'the end');
  t.is(one.kernel.kernel.host.slot('sipapp').faultsSeen, 0);
});
