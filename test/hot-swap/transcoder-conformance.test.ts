import { join } from 'node:path';
import test from 'ava';
import { LoopPublisher, makeClip } from '../support/hls.ts';
import { checkout } from '../support/test-kernel.ts';
import { pluginConformance } from '../support/testing.ts';
import { TimedReader } from '../support/transcoded.ts';
import { until } from '../support/until.ts';

const clip = makeClip({ seconds: 2, gopFrames: 15, size: '160x90' });
let streams = 0;

pluginConformance(test, {
  name: 'transcoder',
  entry: join(checkout, 'plugins', 'transcoder', 'transcoder.plugin.ts'),
  portCount: 0,
  settings: () => ({ maxChildren: 1 }),
  keepsSessions: true,
  openSession: async ({ kernel }) => {
    const name = `conformance${streams++}`;
    const publisher = new LoopPublisher(kernel.kernel.parts.media, name, await clip);
    const uri = `transcoder2://${name}`;
    await kernel.call('transcoder2.startup', { uri, remoteStreamName: name, localStreamName: `${name}-made`, encoder: { width: 160, audioCodec: 'opus' } });
    const made = kernel.kernel.parts.media.find(`${name}-made`);
    if (made === undefined) throw new Error('Nothing was published');
    const reader = new TimedReader(made, [{ kind: 'video', codecs: ['h264'] }, { kind: 'audio', codecs: ['opus'] }]);
    return {
      verify: async () => {
        const sinceMs = performance.now();
        await until(() => reader.end !== undefined || (reader.of('video', sinceMs).length >= 5 && reader.of('audio', sinceMs).length >= 5), 'pictures and sound');
        if (reader.end !== undefined) throw new Error(`The stream has ended: ${reader.end}`);
      },
      close: async () => {
        reader.subscription.close();
        publisher.stop();
        publisher.publication.end('closed');
        await kernel.call('transcoder2.terminate', { uri }).catch(() => undefined);
      },
    };
  },
});
