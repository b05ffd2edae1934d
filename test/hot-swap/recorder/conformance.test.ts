import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LoopPublisher, makeClip } from '../../support/hls.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { checkout } from '../../support/test-kernel.ts';
import { pluginConformance } from '../../support/testing.ts';
import { until } from '../../support/until.ts';

if (hasFfmpeg) {
  const folder = temporaryFolder();
  const clip = makeClip({ seconds: 4, gopFrames: 15 });
  let streams = 0;

  pluginConformance(test, {
    name: 'recorder',
    entry: join(checkout, 'plugins/recorder/recorder.plugin.ts'),
    portCount: 0,
    settings: () => ({ folder, streams: ['*'], nameTemplate: '{streamName}', pieceMs: 200 }),
    keepsSessions: true,
    openSession: async ({ t, kernel }) => {
      const name = `stream${streams++}`;
      const publisher = new LoopPublisher(kernel.kernel.parts.media, name, await clip, { owner: name });
      const stop = (): void => {
        publisher.stop();
        publisher.publication.end('test over');
      };
      t.teardown(stop);
      const bytes = (): number => readdirSync(folder).filter((file) => file.startsWith(`${name}.`)).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
      await until(() => bytes() > 0, `the recording of ${name}`);
      return {
        verify: async () => {
          const before = bytes();
          await until(() => bytes() > before, `more of ${name}`);
          const files = readdirSync(folder).filter((file) => file.startsWith(`${name}.`));
          if (files.length !== 1) throw new Error(`${name} is in ${files.join(', ')}`);
        },
        close: stop,
      };
    },
  });
} else {
  test.skip('recorder conformance needs ffmpeg', () => undefined);
}
