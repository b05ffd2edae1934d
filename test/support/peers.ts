import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import test, { type ExecutionContext, type ImplementationFn } from 'ava';

/** Programs from Debian that tests talk to; `test/support/setup-peers.sh` installs them. */
export type Peer = 'sipp' | 'kamailio' | 'baresip' | 'ffmpeg' | 'ffprobe' | 'chromium' | 'ssh' | 'sshpass' | 'rtmpdump' | 'nginx' | 'gst-launch-1.0' | 'cvlc';

/** Whether a program is installed. */
export function hasPeer(peer: Peer): boolean {
  return spawnSync('sh', ['-c', `command -v ${peer}`]).status === 0;
}

/**
 * A serial test that needs real programs. Where one is missing the test is skipped by name; in CI that is a failure.
 */
export function peerTest(title: string, peers: readonly Peer[], run: ImplementationFn<[]>): void {
  declare(test.serial, title, peers, run);
}

/** As `peerTest`, at the same time as the others of its file: for tests that wait more than they work. */
export function concurrentPeerTest(title: string, peers: readonly Peer[], run: ImplementationFn<[]>): void {
  declare(test, title, peers, run);
}

function declare(how: typeof test | typeof test.serial, title: string, peers: readonly Peer[], run: ImplementationFn<[]>): void {
  const missing = peers.filter((peer) => !hasPeer(peer));
  if (missing.length === 0) how(title, run);
  else if (process.env['CI'] === 'true') how(title, (t: ExecutionContext) => t.fail(`Missing in CI: ${missing.join(', ')}`));
  else how.skip(`${title} (needs ${missing.join(', ')})`, run);
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
