import { join } from 'node:path';
import test from 'ava';
import { TestRtspClient } from '../../support/rtsp-client.ts';
import { NUMBERED_CONTROLS, NUMBERED_SDP, NumberedPublisher, numbersOf } from '../../support/rtsp-media.ts';
import { checkout } from '../../support/test-kernel.ts';
import { pluginConformance } from '../../support/testing.ts';
import { until } from '../../support/until.ts';

let streams = 0;

pluginConformance(test, {
  name: 'rtsp',
  entry: join(checkout, 'plugins', 'rtsp', 'rtsp.plugin.ts'),
  portCount: 2,
  settings: ([port, tlsPort]) => ({ port, rtsps: { enabled: true, port: tlsPort }, playWaitMs: 200 }),
  keepsSessions: true,
  openSession: async ({ ports }) => {
    const name = `conformance${streams++}`;
    const transport = streams % 2 === 0 ? 'tcp' : 'udp';
    const publisher = new TestRtspClient(ports[0]!, name);
    const player = new TestRtspClient(ports[0]!, name);
    await publisher.record(transport, NUMBERED_SDP, NUMBERED_CONTROLS);
    const media = new NumberedPublisher(publisher);
    media.next();
    await player.play(transport);
    return {
      verify: async () => {
        const first = media.number;
        for (let sent = 0; sent < 10; sent++) media.next();
        await until(() => publisher.closed || player.closed || numbersOf(player).pictures.includes(media.number - 1), `picture ${media.number - 1}`);
        const { pictures } = numbersOf(player);
        const begin = pictures[0] ?? first;
        const missing = Array.from({ length: media.number - begin }, (_, at) => begin + at).filter((number, at) => pictures[at] !== number);
        if (missing.length > 0) throw new Error(`Pictures ${missing.join(', ')} are missing or out of place over ${transport}`);
      },
      close: () => {
        publisher.close();
        player.close();
      },
    };
  },
  tryRefused: async ({ ports }) => {
    const client = new TestRtspClient(ports[0]!, 'refused');
    const { status } = await client.ask('DESCRIBE');
    client.close();
    return status === 403;
  },
});
