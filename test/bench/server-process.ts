import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { until } from '../support/until.ts';

/** Clock ticks a second of /proc/PID/stat on Linux. */
const TICKS_PER_SECOND = 100;

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

  /** User and system time so far, in milliseconds. @see proc(5), fields 14 and 15 of stat */
  cpuMs(): number {
    const fields = readFileSync(`/proc/${this.#pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  }

  /** Resident memory in bytes. */
  residentBytes(): number {
    const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.#pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
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
