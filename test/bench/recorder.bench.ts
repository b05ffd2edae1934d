import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MediaFrame } from '../../core/media/frame.ts';
import { AUDIO, VIDEO } from '../support/media.ts';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { startTestKernel } from '../support/test-kernel.ts';
import { until } from '../support/until.ts';
import type { BenchResult } from './bench.ts';

const RECORDINGS = 50;
const SECONDS = 8;
const TICK_MS = 20;
/** What is appended at once by the baseline: a second of media, as the recorder does. */
const APPEND_BYTES = 250_000;

/** 2 Mb/s: 30 pictures and 47 sounds a second, each with its time. */
function frames(): MediaFrame[] {
  const all: MediaFrame[] = [];
  const picture = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(1);
  const [key, between, sound] = [picture(60_000), picture(6_300), picture(170)];
  const track = { ...VIDEO, codecConfig: Buffer.from('0142c01effe1000467420028010004' + '68ce3c80', 'hex'), width: 1280, height: 720 };
  let soundMs = 0;
  for (let index = 0; index < SECONDS * 30; index += 1) {
    const ms = (index * 1000) / 30;
    for (; soundMs <= ms; soundMs += 1024 / 48) all.push({ track: AUDIO, ptsUs: Math.round(soundMs * 1000), dtsUs: Math.round(soundMs * 1000), key: true, data: sound, receivedAtMs: soundMs });
    all.push({ track, ptsUs: Math.round(ms * 1000), dtsUs: Math.round(ms * 1000), key: index % 60 === 0, data: index % 60 === 0 ? key : between, receivedAtMs: ms });
  }
  return all;
}

const cpuMs = (since?: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
};

/** Publishes at the media's own pace; the answer is the process's CPU time. */
async function publishAll(media: readonly MediaFrame[], names: readonly string[], kernel: Awaited<ReturnType<typeof startTestKernel>>): Promise<number> {
  const tracks = [...new Set(media.map(({ track }) => track))];
  const publications = names.map((name) => kernel.kernel.parts.media.publish({ name, owner: name, tracks, meta: { plugin: 'bench', protocol: 'bench', sessionId: name, params: {} } }));
  const before = process.cpuUsage();
  const startedAtMs = performance.now();
  for (let next = 0; next < media.length; ) {
    await sleep(TICK_MS);
    for (; next < media.length && media[next]!.dtsUs / 1000 <= performance.now() - startedAtMs; next += 1) {
      for (const publication of publications) publication.write(media[next]!);
    }
  }
  const spentMs = cpuMs(before);
  for (const publication of publications) publication.end('done');
  return spentMs;
}

/** The same bytes appended by `fs` alone. */
async function appendAll(folder: string, bytesEach: number): Promise<number> {
  const piece = new Uint8Array(APPEND_BYTES).fill(1);
  const before = process.cpuUsage();
  await Promise.all(
    Array.from({ length: RECORDINGS }, async (_, index) => {
      const file = await open(join(folder, `plain${index}`), 'wx');
      for (let at = 0; at < bytesEach; at += APPEND_BYTES) await file.write(piece, 0, Math.min(APPEND_BYTES, bytesEach - at), at);
      await file.datasync();
      await file.close();
    }),
  );
  return cpuMs(before);
}

export default {
  name: 'recorder',
  async run(): Promise<BenchResult> {
    const folder = temporaryFolder();
    const kernel = await startTestKernel({ plugins: { recorder: { folder, streams: ['recorded*'], nameTemplate: '{streamName}' } } });
    try {
      let complete = 0;
      kernel.kernel.parts.media.on('recordingEnded', ({ end }) => {
        if (end.error === undefined) complete += 1;
      });
      const media = frames();
      const bytesEach = media.reduce((sum, { data }) => sum + data.length, 0);
      const names = (prefix: string): string[] => Array.from({ length: RECORDINGS }, (_, index) => `${prefix}${index}`);
      const idleMs = await publishAll(media, names('plain'), kernel);
      const recordedMs = await publishAll(media, names('recorded'), kernel);
      await until(() => complete === RECORDINGS, 'the files', 20_000);
      const appendedMs = await appendAll(folder, bytesEach);
      const percent = (ms: number): number => ms / (SECONDS * 10);
      return {
        title: `${RECORDINGS} recordings of ${((bytesEach * 8) / SECONDS / 1e6).toFixed(1)} Mb/s as fragmented MP4`,
        rows: [
          { what: 'publishing alone, without a recording', value: percent(idleMs), unit: '% of a core' },
          { what: 'the same bytes appended by fs alone', value: percent(appendedMs), unit: '% of a core', ratio: 1 },
          { what: 'recording, publishing not counted', value: percent(recordedMs - idleMs), unit: '% of a core', ratio: (recordedMs - idleMs) / appendedMs },
        ],
      };
    } finally {
      await kernel.stop();
      removeFolder(folder);
    }
  },
};
