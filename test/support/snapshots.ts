import { readFileSync } from 'node:fs';
import type { ExecutionContext } from 'ava';
import type { Publication } from '../../core/media/publication.ts';
import { SNAPSHOTS, type Snapshots } from '../../core/media/snapshots.ts';
import type { Clip } from './clip.ts';
import { FRAME_RATE } from './colour-clips.ts';
import { startTestKernel, type TestKernel } from './test-kernel.ts';

/** A kernel that takes snapshots, for one test. */
export async function snapshotKernel(t: ExecutionContext, settings: Readonly<Record<string, unknown>>, plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}): Promise<TestKernel> {
  const kernel = await startTestKernel({ plugins: { ...plugins, snapshots: { minIntervalMs: 0, timeoutMs: 20_000, ...settings } } });
  t.teardown(() => kernel.stop());
  return kernel;
}

/** Publishes a stream with the track of a clip. */
export function publishClip({ kernel }: TestKernel, name: string, { track }: Pick<Clip, 'track'>, callbacks: { readonly onKeyFrameRequest?: () => void } = {}): Publication {
  return kernel.parts.media.publish({ name, owner: name, tracks: [track], meta: { plugin: 'test', protocol: 'test', sessionId: name, params: {} }, ...callbacks });
}

/** Writes one second of a clip, as if it came now. */
export function writeSecond(publication: Publication, { frames }: Clip, second: number): void {
  for (const frame of frames.slice(second * FRAME_RATE, (second + 1) * FRAME_RATE)) publication.write({ ...frame, receivedAtMs: performance.now() });
}

/** Takes a picture by the capability, as other plugins do. */
export function takePicture({ kernel }: TestKernel, name: string): Promise<Uint8Array> {
  return kernel.parts.capabilities.get<Snapshots>(SNAPSHOTS).take(name);
}

/** Processes that a process has started, on Linux. */
export function childrenOf(pid: number): readonly { readonly pid: number; readonly command: string }[] {
  const pids = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number).filter((child) => child > 0);
  return pids.flatMap((child) => {
    try {
      return [{ pid: child, command: readFileSync(`/proc/${child}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}
