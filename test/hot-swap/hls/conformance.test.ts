import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hasFfmpeg } from '../../support/ffmpeg.ts';
import { LlPlayer } from '../../support/hls-client.ts';
import { ask, LoopPublisher, makeClip } from '../../support/hls.ts';
import { checkout } from '../../support/test-kernel.ts';
import { pluginConformance } from '../../support/testing.ts';

if (hasFfmpeg) {
  const clip = makeClip({ seconds: 4 });
  let streams = 0;
  const publish = async (t: ExecutionContext, media: ConstructorParameters<typeof LoopPublisher>[0]): Promise<{ name: string; stop: () => void }> => {
    const name = `stream${streams++}`;
    const publisher = new LoopPublisher(media, name, await clip, { leadMs: 2500, owner: name });
    const stop = (): void => {
      publisher.stop();
      publisher.publication.end('test over');
    };
    t.teardown(stop);
    return { name, stop };
  };

  pluginConformance(test, {
    name: 'hls',
    entry: join(checkout, 'plugins/hls/hls.plugin.ts'),
    portCount: 2,
    settings: ([port, tlsPort]) => ({ port, tlsPort }),
    keepsSessions: true,
    openSession: async ({ t, kernel, ports: [port = 0] }) => {
      const { name, stop } = await publish(t, kernel.kernel.parts.media);
      const player = new LlPlayer(port, name);
      await player.start();
      return { verify: () => player.next(), close: stop };
    },
    tryRefused: async ({ t, kernel, ports: [port = 0] }) => {
      const { name } = await publish(t, kernel.kernel.parts.media);
      return (await ask(port, `/${name}/${name}.m3u8`)).status === 403;
    },
  });
} else {
  test.skip('hls conformance needs ffmpeg', () => undefined);
}
