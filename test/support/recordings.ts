import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { RecordingEnd, RecordingFacts } from '../../core/media/recording-event.ts';
import { runPeer } from './peers.ts';
import { checkout, startTestKernel, type TestKernel } from './test-kernel.ts';
import { until } from './until.ts';

const AV_CHECK = join(checkout, 'test', 'support', 'peers', 'av-check.mjs');
/** Completing a file takes a moment on a busy machine. */
const COMPLETE_MS = 15_000;

/** A complete recording as the bus tells of it. */
export interface CompleteRecording extends RecordingFacts, RecordingEnd {
  /** Absolute. */
  readonly path: string;
}

/** A kernel that records, and what it has recorded. */
export class RecordingKernel {
  readonly kernel: TestKernel;
  readonly complete: CompleteRecording[] = [];
  readonly started: RecordingFacts[] = [];
  readonly folder: string;

  private constructor(kernel: TestKernel, folder: string) {
    this.kernel = kernel;
    this.folder = folder;
    const { media } = kernel.kernel.parts;
    media.on('recordingStarted', ({ recording }) => void this.started.push(recording));
    media.on('recordingEnded', ({ recording, end }) => void this.complete.push({ ...recording, ...end, path: join(folder, recording.file) }));
  }

  /** @param settings of the recorder, besides its folder */
  static async start(t: ExecutionContext, folder: string, settings: Readonly<Record<string, unknown>> = {}, plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}): Promise<RecordingKernel> {
    const kernel = await startTestKernel({ plugins: { recorder: { folder, ...settings }, ...plugins } });
    t.teardown(() => kernel.stop());
    return new RecordingKernel(kernel, folder);
  }

  get media(): TestKernel['kernel']['parts']['media'] {
    return this.kernel.kernel.parts.media;
  }

  /** The files of a stream, once there are so many. */
  async files(streamName: string, count = 1): Promise<readonly CompleteRecording[]> {
    const found = (): CompleteRecording[] => this.complete.filter((recording) => recording.streamName === streamName);
    await until(() => found().length >= count, `${count} recordings of ${streamName}`, COMPLETE_MS);
    return found();
  }
}

/** What `av-check.mjs` says about a file of one of its clips; fails the test when it is not content. */
export async function checkMedia(t: ExecutionContext, file: string, ...options: string[]): Promise<Readonly<Record<string, unknown>>> {
  const { status, stdout, stderr } = await runPeer(t, process.execPath, [AV_CHECK, file, '--max-offset', '40', ...options]);
  t.is(status, 0, `${file}: ${stdout} ${stderr}`);
  return JSON.parse(stdout.split('\n')[0] ?? '{}') as Record<string, unknown>;
}
