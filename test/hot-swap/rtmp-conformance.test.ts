import { join } from 'node:path';
import test from 'ava';
import { RtmpClient } from '../support/rtmp-client.ts';
import { numberedPicture, numberedSound, pictureNumbers, realConfigs } from '../support/rtmp-media.ts';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

const configs = realConfigs();
let streams = 0;

pluginConformance(test, {
  name: 'rtmp',
  entry: join(checkout, 'plugins', 'rtmp', 'rtmp.plugin.ts'),
  portCount: 2,
  settings: ([port, tlsPort]) => ({ port, rtmps: { enabled: true, port: tlsPort }, playWaitMs: 200 }),
  keepsSessions: true,
  openSession: async ({ ports }) => {
    const name = `conformance${streams++}`;
    const publisher = new RtmpClient(ports[0]!);
    const player = new RtmpClient(ports[0]!);
    const streamId = await publisher.publish(name);
    publisher.send({ type: 9, streamId, timestampMs: 0, payload: configs.video });
    publisher.send({ type: 8, streamId, timestampMs: 0, payload: configs.audio });
    publisher.send(numberedPicture(streamId, 0, true));
    let number = 1;
    await player.play(name);
    await player.status('NetStream.Play.Start');
    await until(() => pictureNumbers(player.messages).includes(0), 'the first picture');
    return {
      verify: async () => {
        for (const end = number + 5; number < end; number++) {
          publisher.send(numberedPicture(streamId, number, number % 10 === 0));
          publisher.send(numberedSound(streamId, number));
        }
        await until(() => publisher.closed || player.closed || pictureNumbers(player.messages).includes(number - 1), `picture ${number - 1}`);
        const missing = Array.from({ length: number }, (_, index) => index).filter((index) => pictureNumbers(player.messages)[index] !== index);
        if (missing.length > 0) throw new Error(`Pictures ${missing.join(', ')} are missing or out of place`);
      },
      close: () => {
        publisher.close();
        player.close();
      },
    };
  },
  tryRefused: async ({ ports }) => {
    const client = new RtmpClient(ports[0]!);
    const answer = await client.answer(client.call(0, 'connect', { app: 'live' }));
    await until(() => client.closed, 'the end');
    return answer.name === '_error';
  },
});
