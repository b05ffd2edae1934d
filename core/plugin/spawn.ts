import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { join } from 'node:path';
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
  const child = spawn(command, [...args], { ...options, env: withoutSecrets(options.env ?? process.env), shell: false, detached: true });
  // The caller hears of errors by a listener of its own; without one they must not be taken for uncaught.
  child.on('error', () => undefined);
  const { pid } = child;
  if (pid === undefined) return child;
  let ending: Promise<void> | undefined;
  const held = scope.add(`child process ${command}`, () => (ending ??= endGroup(pid)));
  child.once('exit', () => void (ending ??= endGroup(pid)).then(() => held.detach()));
  return child;
}

/** The server's own settings may hold passwords (`WCS_ADMIN_PASSWORD`), and a child reads what peers send. */
function withoutSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('WCS_')));
}

/** A module that runs as a process of its own. */
export interface SpawnedModule {
  /** CommonJS. */
  readonly text: string;
  /** Folder whose node_modules its packages come from. */
  readonly folder: string;
  /** Names it in stack traces. */
  readonly label: string;
}

/** How such a process is set up. */
export interface ModuleOptions {
  /** Added to the environment of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** Flags of node. */
  readonly execArgv?: readonly string[];
}

/** Reads the module from the standard input: it needs no file, so that an older version of a plugin keeps its own. */
const BOOTSTRAP = `
const { createRequire } = require('node:module');
const { compileFunction } = require('node:vm');
const [, from, filename] = process.argv;
const parts = [];
process.stdin.on('data', (part) => parts.push(part)).on('end', () => {
  const module = { exports: {} };
  compileFunction(Buffer.concat(parts).toString(), ['module', 'exports', 'require'], { filename })(module, module.exports, createRequire(from));
});`;

/** Runs a module as a Node process with a pipe in both directions as file descriptor 3; ends as `spawnInScope` says. */
export function spawnModuleInScope(scope: Scope, { text, folder, label }: SpawnedModule, options: ModuleOptions = {}): ChildProcess {
  const args = ['--no-warnings', ...(options.execArgv ?? []), '-e', BOOTSTRAP, '--', join(folder, 'index.cjs'), `child://${label}`];
  const child = spawnInScope(scope, process.execPath, args, { stdio: ['pipe', 'ignore', 'pipe', 'pipe'], env: { ...process.env, ...options.env } });
  // It may be gone before it has read everything; its exit says so.
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(text);
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
