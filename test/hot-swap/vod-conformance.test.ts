import { linkSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parseVideoBody } from '../../core/formats/flv.ts';
import { mediaFolder } from '../support/media-folder.ts';
import { RtmpClient } from '../support/rtmp-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

// Beside the clips, so that they can be linked.
const folder = temporaryFolder(undefined, mediaFolder);

let sessions = 0;

/** Times of the pictures that a player was sent. */
function times({ messages }: RtmpClient): number[] {
  return messages.filter(({ type }) => type === 9).flatMap(({ timestampMs, payload }) => (parseVideoBody(payload)[0]?.packet === 'frame' ? [timestampMs] : []));
}

const hasEnded = ({ closed, codes }: RtmpClient): boolean => closed || codes.includes('NetStream.Play.UnpublishNotify');

pluginConformance(test, {
  name: 'vod',
  entry: join(checkout, 'plugins', 'vod', 'vod.plugin.ts'),
  portCount: 1,
  settings: () => ({ folder, loop: true }),
  otherPlugins: ([port]) => ({ rtmp: { port: port ?? 0, playWaitMs: 0 } }),
  keepsSessions: true,
  // By turns a copy of its own and a shared playback; each of a file of its own, since a playback that could not be handed over
  // ends with its version, and takes along whoever joins it until then.
  openSession: async ({ ports }) => {
    const file = `clip-${sessions}.mp4`;
    linkSync(join(mediaFolder, 'small.mp4'), join(folder, file));
    const name = `${sessions++ % 2 === 0 ? 'vod' : 'vod-live'}://${file}`;
    const client = new RtmpClient(ports[0]!);
    await client.play(name);
    await client.status('NetStream.Play.Start');
    await until(() => times(client).length > 0, 'the first picture');
    let seen = 0;
    return {
      verify: async () => {
        seen = times(client).length;
        await until(() => hasEnded(client) || times(client).length > seen + 5, `pictures of ${name} after the first ${seen}`);
        if (hasEnded(client)) throw new Error(`${name} has ended: ${client.codes.join()}`);
        const steps = times(client).slice(1).map((time, index) => time - times(client)[index]!);
        const wrong = steps.filter((step) => step < 20 || step > 60);
        if (wrong.length > 0) throw new Error(`Steps of ${wrong.join(', ')} ms between pictures of ${name}`);
      },
      close: () => client.close(),
    };
  },
});
