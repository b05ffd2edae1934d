import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import type { Scope } from '../scope/scope.ts';

/** How long a child process may take to end by SIGTERM before SIGKILL. */
export const CHILD_TERM_MS = 2000;

/**
 * Starts a child process in a process group of its own; the whole group ends with the scope, first asked, then killed.
 *
 * @param args argument list; no shell is involved
 */
export function spawnInScope(scope: Scope, command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, [...args], { ...options, shell: false, detached: true });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const held = scope.add(`child process ${command}`, async () => {
    signalGroup(child, 'SIGTERM');
    const killer = setTimeout(() => signalGroup(child, 'SIGKILL'), CHILD_TERM_MS);
    await exited;
    clearTimeout(killer);
  });
  void exited.then(() => held.detach());
  return child;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is already gone, which is what was asked for.
  }
}
