import { rename, rm } from 'node:fs/promises';
import ffmpeg from 'fluent-ffmpeg';
import type { Scope } from 'wcs-core';

/** How long the rewriting of one file may take, in seconds. */
const TIMEOUT_S = 3600;
/** Live media goes first. */
const NICENESS = 10;
/** Marks the rewritten file until it is whole. */
export const FINALISING_MARK = '.faststart.part';

/**
 * Rewrites a fragmented MP4 as a plain one with its index in front, by ffmpeg and without encoding anything anew. The file
 * is replaced in one step when the new one is whole.
 *
 * @param scope ends the process when it closes
 */
export async function finaliseMp4(path: string, scope: Scope): Promise<void> {
  const draft = `${path}${FINALISING_MARK}`;
  try {
    await remux(path, draft, scope);
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** fluent-ffmpeg starts the process itself, and looks ffmpeg over before: until then there is nothing to kill. */
function remux(input: string, output: string, scope: Scope): Promise<void> {
  const command = ffmpeg({ timeout: TIMEOUT_S, niceness: NICENESS }).input(input).outputOptions('-map', '0', '-c', 'copy', '-movflags', '+faststart', '-f', 'mp4').output(output);
  return new Promise((resolve, reject) => {
    const held = scope.add('ffmpeg of a recording', () => void command.kill('SIGKILL'));
    const settle = (done: () => void): void => {
      held.detach();
      done();
    };
    command.on('start', () => {
      if (scope.closed) command.kill('SIGKILL');
    });
    command.on('end', () => settle(resolve));
    command.on('error', (error: Error) => settle(() => reject(error)));
    command.run();
  });
}
