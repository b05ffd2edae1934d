import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { runPeer } from './peers.ts';
import { checkout } from './test-kernel.ts';

const PROGRAM = join(checkout, 'test/support/peers/av-check.mjs');
/** Length of the clip that is published again and again. */
const CLIP_S = 20;

/** Plays a clip of the media folder from an address and asserts that picture, sound and their offset are without a flaw. */
export async function checkPicturesAndSound(t: ExecutionContext, url: string, seconds: number, more: readonly string[] = []): Promise<void> {
  const { status, stdout } = await runPeer(t, process.execPath, [PROGRAM, url, '--seconds', String(seconds), '--loop', String(CLIP_S), '--limit', '30', ...more]);
  t.is(status, 0, stdout);
  t.regex(stdout, /^PASS$/m);
}
