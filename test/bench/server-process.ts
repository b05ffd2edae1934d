import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { until } from '../support/until.ts';
import { cpuMsOf, cpuSharesOf, residentBytesOf, type CpuShares } from './process-time.ts';

/** A server under measurement, in a process of its own, so that its processor time is its own. */
export class ServerProcess {
  readonly child: ChildProcess;
  readonly #pid: number;

  private constructor(child: ChildProcess, pid: number) {
    this.child = child;
    this.#pid = pid;
  }

  /** Starts a program and waits until it listens on `port`. */
  static async start(command: string, args: readonly string[], port: number, cwd = process.cwd()): Promise<ServerProcess> {
    const child = spawn(command, [...args], { cwd, stdio: 'ignore' });
    if (child.pid === undefined) throw new Error(`${command} did not start`);
    const server = new ServerProcess(child, child.pid);
    await until(() => listens(port), `${command} to listen on ${port}`, 20_000);
    return server;
  }

  /** User and system time so far, in milliseconds. */
  cpuMs(): number {
    return cpuMsOf([this.#pid]);
  }

  /** What it takes of a core within that time from now. */
  cpuShares(durationMs: number): Promise<CpuShares> {
    return cpuSharesOf([this.#pid], durationMs);
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    return residentBytesOf([this.#pid]);
  }

  /** Open file descriptors: files, sockets and what the event loop needs. @see proc(5), /proc/PID/fd */
  openHandles(): number {
    return readdirSync(`/proc/${this.#pid}/fd`).length;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null) return;
    const gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await gone;
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
