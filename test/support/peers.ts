import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import test, { type ExecutionContext, type ImplementationFn } from 'ava';
import { PYTHON } from './python.ts';

/** Programs from Debian that tests talk to, and what the camera of `camera.ts` is made of; `test/support/setup-peers.sh` installs them. */
export type Peer = 'openssl' | 'sipp' | 'kamailio' | 'baresip' | 'ffmpeg' | 'ffprobe' | 'chromium' | 'ssh' | 'sshpass' | 'rtmpdump' | 'nginx' | 'gst-launch-1.0' | 'cvlc' | 'camera';

const CAMERA_CHECK = 'import gi; gi.require_version("GstRtspServer", "1.0"); from gi.repository import GstRtspServer';

/** Whether a program is installed. */
export function hasPeer(peer: Peer): boolean {
  const { status } = peer === 'camera' ? spawnSync(PYTHON, ['-c', CAMERA_CHECK]) : spawnSync('sh', ['-c', `command -v ${peer}`]);
  return status === 0;
}

type Run = ImplementationFn<[]>;

/**
 * A serial test that needs real programs. Where one is missing the test is skipped by name; in CI that is a failure.
 */
export function peerTest(title: string, peers: readonly Peer[], run: Run): void {
  define(test.serial, title, peers, run);
}

/** Makes tests like `peerTest` that don't disturb each other: they run side by side, `lanes` of them at a time. */
export function peerTestsSideBySide(lanes: number): typeof peerTest {
  const waiting: (() => void)[] = [];
  let running = 0;
  return (title, peers, run) =>
    define(test, title, peers, async (t) => {
      if (running === lanes) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        await run(t);
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    });
}

function define(declare: typeof test.serial, title: string, peers: readonly Peer[], run: Run): void {
  const missing = peers.filter((peer) => !hasPeer(peer));
  if (missing.length === 0) declare(title, run);
  else if (process.env['CI'] === 'true') declare(title, (t: ExecutionContext) => t.fail(`Missing in CI: ${missing.join(', ')}`));
  else declare.skip(`${title} (needs ${missing.join(', ')})`, run);
}

/** What a finished program left. */
export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program at work; killed at the latest when the test ends. */
export class PeerProcess {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  #stdout = '';
  #stderr = '';

  constructor(t: ExecutionContext, command: string, args: readonly string[]) {
    this.child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.finished = new Promise((resolve) => {
      this.child.on('close', (status) => resolve({ status, stdout: this.#stdout, stderr: this.#stderr }));
    });
    t.teardown(() => this.kill());
  }

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** Ends the program without ceremony, as a power cut would. */
  kill(): void {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
  }
}

/** Runs a program to its end. */
export function runPeer(t: ExecutionContext, command: string, args: readonly string[]): Promise<Finished> {
  return new PeerProcess(t, command, args).finished;
}
