import { join } from 'node:path';
import test from 'ava';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { until } from '../support/until.ts';

let mixers = 0;

pluginConformance(test, {
  name: 'mixer',
  entry: join(checkout, 'plugins', 'mixer', 'mixer.plugin.ts'),
  portCount: 0,
  settings: () => ({ audioCodec: 'pcmu', idleMs: 60_000 }),
  keepsSessions: true,
  openSession: async ({ kernel }) => {
    const number = mixers++;
    const { media } = kernel.kernel.parts;
    const [uri, name] = [`mixer://c${number}`, `mixed${number}`];
    await kernel.call('mixer.startup', { uri, localStreamName: name, hasVideo: false });
    const stream = await until(() => media.find(name), 'the mixed stream');
    let units = 0;
    let last = -Infinity;
    let ended: string | undefined;
    const subscription = stream.subscribe({
      plane: 'frames',
      label: 'test',
      sink: {
        onTracks: () => undefined,
        onFrame: ({ dtsUs }) => {
          if (dtsUs <= last) ended = `time went back from ${last} to ${dtsUs}`;
          last = dtsUs;
          units += 1;
        },
        onEnd: (reason) => (ended = reason),
      },
    });
    await until(() => units > 0, 'the first sound');
    return {
      verify: async () => {
        const before = units;
        await until(() => ended !== undefined || units > before + 5, 'more sound');
        if (ended !== undefined) throw new Error(ended);
      },
      close: async () => {
        subscription.close();
        await kernel.call('mixer.terminate', { uri }).catch(() => undefined);
      },
    };
  },
});
