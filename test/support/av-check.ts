import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { runPeer, type Finished } from './peers.ts';
import { checkout } from './test-kernel.ts';

const PROGRAM = join(checkout, 'test/support/peers/av-check.mjs');
/** Length of the clip that is published again and again. */
const CLIP_S = 20;

/** What is measured of picture and sound together. */
export interface Sync {
  /** How late the sound is against the picture, the mean and the spread. */
  readonly avOffsetMs: number;
  readonly avSpreadMs: number;
  /** Places at which that was measured. */
  readonly avPoints: number;
}

/** Plays a clip of the media folder from an address and asserts that picture, sound and their offset are without a flaw. */
export async function checkPicturesAndSound(t: ExecutionContext, url: string, seconds: number, more: readonly string[] = []): Promise<void> {
  const { status, stdout } = await play(t, url, seconds, more);
  t.is(status, 0, stdout);
  t.regex(stdout, /^PASS$/m);
}

/** Plays such a clip and tells how picture and sound lie to each other, whatever else is wrong with them. */
export async function measureSync(t: ExecutionContext, url: string, seconds: number, more: readonly string[] = []): Promise<Sync> {
  const { stdout } = await play(t, url, seconds, more);
  return JSON.parse(stdout.split('\n')[0] ?? '') as Sync;
}

function play(t: ExecutionContext, url: string, seconds: number, more: readonly string[]): Promise<Finished> {
  return runPeer(t, process.execPath, [PROGRAM, url, '--seconds', String(seconds), '--loop', String(CLIP_S), '--limit', '30', ...more]);
}
