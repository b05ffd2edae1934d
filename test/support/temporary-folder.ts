import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';

/** Of this process rather than of one test. */
const folders: string[] = [];

process.once('exit', () => folders.forEach(removeFolder));

/**
 * A new, empty folder that is gone when the test ends, whatever its outcome: after all that the test tears down later.
 * Without a test it is gone when the process ends.
 *
 * @param parent folder that it is made in, by default the system's one for temporary files
 */
export function temporaryFolder(t?: Pick<ExecutionContext, 'teardown'>, parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, 'wcs-test-'));
  if (t === undefined) folders.push(folder);
  else t.teardown(() => removeFolder(folder));
  return folder;
}

/** Removes a folder and what is in it before its time; one that is gone already is no error. */
export function removeFolder(folder: string): void {
  // What is ending at this time may still write to it.
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
