import { join } from 'node:path';
import test from 'ava';
import { FakeRtmpServer } from '../support/fake-rtmp-server.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { numberedPicture, pictureNumbers, realConfigs } from '../support/rtmp-media.ts';
import { checkout, type TestKernel } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

const configs = realConfigs();
let streams = 0;

/** As somebody on this machine, who may name this machine. */
function call({ kernel }: TestKernel, name: string, input: unknown): Promise<unknown> {
  const caller = { kind: 'rest' as const, user: 'admin', role: 'admin' as const, address: '127.0.0.1' };
  return kernel.parts.operations.call(name, input, { caller, signal: new AbortController().signal });
}

// What another server sends is pulled by its address, and pushed to it again.
pluginConformance(test, {
  name: 'rtmp',
  entry: join(checkout, 'plugins', 'rtmp', 'rtmp.plugin.ts'),
  portCount: 1,
  settings: ([port]) => ({ port, client: { reconnectMinMs: 100 } }),
  keepsSessions: true,
  openSession: async ({ t, kernel, ports: [port = 0] }) => {
    const name = `relayed${streams++}`;
    const other = await FakeRtmpServer.start(t);
    const player = new RtmpClient(port);
    await player.play(other.url(`live/${name}`));
    const origin = await other.peer(0);
    await until(() => origin.commands.some(({ name: said }) => said === 'play'), 'the pull');
    origin.send({ type: 9, streamId: 1, timestampMs: 0, payload: configs.video });
    origin.send({ type: 8, streamId: 1, timestampMs: 0, payload: configs.audio });
    origin.send(numberedPicture(1, 0, true));
    await player.status('NetStream.Play.Start');
    await call(kernel, 'push.startup', { streamName: other.url(`live/${name}`), rtmpUrl: other.url(`again/${name}`), rtmpTransponderFullUrl: true });
    const target = await other.peer(1);
    let number = 1;
    return {
      verify: async () => {
        for (const end = number + 5; number < end; number++) origin.send(numberedPicture(1, number, number % 10 === 0));
        await until(() => origin.closed || target.closed || pictureNumbers(target.messages).includes(number - 1), `picture ${number - 1}`);
        const missing = Array.from({ length: number }, (_, index) => index).filter((index) => pictureNumbers(target.messages)[index] !== index);
        if (missing.length > 0) throw new Error(`Pictures ${missing.join(', ')} are missing or out of place`);
      },
      close: async () => {
        player.close();
        await other.stop();
      },
    };
  },
});
