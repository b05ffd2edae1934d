import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { colourClip } from '../support/colour-clips.ts';
import { publishClip, writeSecond } from '../support/snapshots.ts';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance, type ConformanceEnvironment } from '../support/testing.ts';

let streams = 0;

/** Over a connection of its own, so that none is left behind. */
async function pictureOf({ ports }: ConformanceEnvironment, name: string): Promise<{ readonly status: number | undefined; readonly body: Buffer }> {
  const [answer] = (await once(get({ host: '127.0.0.1', port: ports[0], path: `/snapshot/${name}.png`, agent: false }), 'response')) as [IncomingMessage];
  return { status: answer.statusCode, body: await buffer(answer) };
}

pluginConformance(test, {
  name: 'snapshots',
  entry: join(checkout, 'plugins', 'snapshots', 'snapshots.plugin.ts'),
  portCount: 1,
  settings: () => ({ minIntervalMs: 0, timeoutMs: 20_000, requestsPerMinute: 10_000 }),
  otherPlugins: ([port]) => ({ http: { port, tlsPort: 'off' } }),
  // Pictures are made one by one: what goes on through a swap is that everybody gets one.
  keepsSessions: true,
  openSession: async (environment) => {
    const name = `conformance${streams++}`;
    const clip = await colourClip('h264');
    const publication = publishClip(environment.kernel, name, clip);
    writeSecond(publication, clip, 0);
    return {
      verify: async () => {
        const { status, body } = await pictureOf(environment, name);
        if (status !== 200) throw new Error(`Status ${status}: ${body.toString()}`);
        if (body.toString('latin1', 1, 4) !== 'PNG') throw new Error('No PNG came');
      },
      close: () => publication.end('the test is over'),
    };
  },
  tryRefused: async (environment) => (await pictureOf(environment, 'conformance0')).status === 403,
});
