import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Scope } from '../scope/scope.ts';

/** How long a child process may take to end by SIGTERM before SIGKILL. */
export const CHILD_TERM_MS = 2000;
/** How often a group is looked at whose leader has ended. */
const GROUP_POLL_MS = 20;

/**
 * Starts a child process in a process group of its own; the whole group ends with the scope, first asked, then killed.
 * What is left of the group when its leader ends by itself is ended likewise.
 *
 * @param args argument list; no shell is involved
 */
export function spawnInScope(scope: Scope, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, [...args], { ...options, shell: false, detached: true });
  // The caller hears of errors by a listener of its own; without one they must not be taken for uncaught.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) return child;
  let ending: Promise<void> | undefined;
  const held = scope.add(`child process ${command}`, () => (ending ??= endGroup(pid)));
  child.once('exit', () => void (ending ??= endGroup(pid)).then(() => held.detach()));
  return child;
}

/** Asks a process group to end, and makes it end after `CHILD_TERM_MS`. */
async function endGroup(pid: number): Promise<void> {
  const deadline = performance.now() + CHILD_TERM_MS;
  for (let alive = signalGroup(pid, 'SIGTERM'); alive; alive = signalGroup(pid, 0)) {
    if (performance.now() > deadline) {
      signalGroup(pid, 'SIGKILL');
      return;
    }
    await sleep(GROUP_POLL_MS);
  }
}

/** False when the group is gone. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    // Gone, which is what was asked for.
    return false;
  }
}
