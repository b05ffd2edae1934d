import test from 'ava';
import { wallStampMs } from '../../../core/process/framing.ts';
import { inputPort, OUTPUT_PORT, type MixCommand, type MixSpec } from '../../../plugins/mixer/wire/mix-job.ts';
import corpus from '../../golden/data/decoder-corpus.json';
import { openChildPool } from '../../support/media-processor.ts';
import { until } from '../../support/until.ts';

/** Joins and leaves so long; the figure of half an hour needs `MIX_SOAK_SECONDS=1800`. */
const SECONDS = Number(process.env['MIX_SOAK_SECONDS'] ?? 4);
const CYCLES_BEFORE = 150;
/** More than the noise of an allocator, less than what so many lost decoders would hold. */
const MAX_GROWTH_BYTES = 24 * 1024 * 1024;
const MIN_CYCLES = 150;
const SPEC: MixSpec = {
  video: { width: 320, height: 240, fps: 10, bitrateBps: 200_000, keyFrameIntervalFrames: 20, preset: 'ultrafast', desktopName: '', desktopAlign: 'TOP', voiceActivity: true, caption: { fontFile: '', sizePx: 20, audioOnlySizePx: 40 } },
  audio: { codec: 'opus', channels: 1, silenceDb: -50, maxDelayMs: 200 },
  layout: { type: 'grid' },
  originUs: 0,
};
const { h264, opus } = corpus;
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

test('a mix that inputs join and leave without end does not grow', async (t) => {
  t.timeout((SECONDS + 120) * 1000);
  const opened = await openChildPool('plugins/mixer/child/mixer.child.ts');
  const { pool } = opened;
  t.teardown(() => opened.close());
  let [made, failure] = [0, undefined as string | undefined];
  const job = pool.open(SPEC, { onPacket: () => void (made += 1), onEnd: ({ reason }) => (failure = reason) });
  const tell = (command: MixCommand): void => job.command(command);
  let cycles = 0;
  /** One comes with picture and sound and a sum without the own voice, and the one of three cycles ago goes. */
  const cycle = async (): Promise<void> => {
    const [id, port, sound] = [`in${cycles}`, cycles % 1000, OUTPUT_PORT.firstOwn + (cycles % 1000)];
    tell({ type: 'addInput', id, port, name: id });
    tell({ type: 'track', id, kind: 'video', track: { codec: 'h264', codecConfig: bytes(h264.config).toString('base64') } });
    tell({ type: 'track', id, kind: 'audio', track: { codec: 'opus', sampleRateHz: opus.sampleRateHz, channels: opus.channels } });
    tell({ type: 'addSound', port: sound, without: id });
    const send = (kind: 'audio' | 'video', packets: readonly string[]): void => packets.forEach((hex, index) => job.send({ port: inputPort(port, kind), key: kind === 'audio' || index === 0, ptsUs: index * 20_000, dtsUs: index * 20_000, stampMs: wallStampMs(), data: bytes(hex) }));
    send('video', h264.packets);
    send('audio', opus.packets);
    const gone = cycles - 3;
    if (gone >= 0) {
      tell({ type: 'removeSound', port: OUTPUT_PORT.firstOwn + (gone % 1000) });
      tell({ type: 'removeInput', id: `in${gone}` });
    }
    cycles += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const rssBytes = async (): Promise<number> => {
    // The pool asks its children once a second: an answer from after now.
    const before = pool.loads[0];
    return until(() => (pool.loads[0]?.cores !== before?.cores ? pool.loads[0]?.rssBytes : undefined), 'figures of the child', 30_000);
  };
  while (cycles < CYCLES_BEFORE) await cycle();
  const beforeBytes = await rssBytes();
  const [sinceMs, sinceCycles] = [Date.now(), cycles];
  while (Date.now() - sinceMs < SECONDS * 1000 || cycles - sinceCycles < MIN_CYCLES) await cycle();
  const afterBytes = await rssBytes();
  t.log(`${cycles - sinceCycles} joined and left: ${(beforeBytes / 1e6).toFixed(1)} MB before, ${(afterBytes / 1e6).toFixed(1)} MB after; ${made} units of the mix`);
  t.is(failure, undefined);
  t.true(made > 50);
  t.true(afterBytes - beforeBytes < MAX_GROWTH_BYTES, `${afterBytes - beforeBytes} bytes more`);
});
