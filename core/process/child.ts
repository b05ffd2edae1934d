import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { messageOf } from '../errors/wcs-error.ts';
import { FrameWriter } from './frame-writer.ts';
import { FrameReader, type ChildFrame, type JobPacket } from './framing.ts';

/** What a job tells its owner. Nothing is told after `onEnd`, or after the owner closed the job. */
export interface JobEvents {
  onPacket(packet: JobPacket): void;
  onEvent?(event: unknown): void;
  /** Last of all: the job was done (`done`), was refused or failed (`failed`), or its child died (`lost`). */
  onEnd(end: JobEnd): void;
}

/** How a job ended. */
export interface JobEnd {
  readonly type: 'done' | 'failed' | 'lost';
  readonly reason: string;
}

/** What a child needs of its pool. */
export interface ChildHost {
  readonly log: ChildLog;
  /** How long small frames to it wait for others. */
  readonly gatherMs?: number | undefined;
  /** The child is gone; its jobs have been told. */
  exited(child: Child): void;
  /** It has no job any more. */
  idle(child: Child): void;
}

/** The part of a log that is used here. */
export interface ChildLog {
  debug(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/** What a child says of itself. */
export interface ChildLoad {
  /** Cores used in the last second or so, 0 to 1 for a child of one thread. */
  readonly cores: number;
  readonly rssBytes: number;
  readonly jobs: number;
}

/** Text of the child's error output that is kept for the report of its end. */
const STDERR_KEPT_CHARS = 2000;

interface ChildMessage {
  readonly type: 'hello' | 'pong' | 'event' | 'failed' | 'ended' | 'fault';
  readonly id?: number;
  readonly event?: unknown;
  readonly reason?: string;
  readonly cpuMs?: number;
  readonly rssBytes?: number;
}

/** A child process and the jobs in it. */
export class Child {
  readonly #process: ChildProcess;
  readonly #channel: Duplex;
  readonly #writer: FrameWriter;
  readonly #host: ChildHost;
  readonly #jobs = new Map<number, JobEvents>();
  #load = { cores: 0, rssBytes: 0 };
  #measured: { readonly cpuMs: number; readonly atMs: number } | undefined;
  #lastJob = 0;
  #pings = 0;
  #pongs = 0;
  #stderr = '';
  #gone = false;
  #ending = false;

  constructor(childProcess: ChildProcess, host: ChildHost) {
    this.#process = childProcess;
    this.#host = host;
    this.#channel = childProcess.stdio[3] as Duplex;
    this.#writer = new FrameWriter(this.#channel, host.gatherMs);
    const reader = new FrameReader((frame) => this.#take(frame));
    this.#channel.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk);
      } catch (error) {
        this.kill(`it sent what is no frame: ${messageOf(error)}`);
      }
    });
    // The exit tells all there is to tell.
    this.#channel.on('error', () => undefined);
    childProcess.stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT_CHARS)));
    childProcess.on('error', (error) => this.#onExit(messageOf(error)));
    childProcess.on('exit', (code, signal) => this.#onExit(signal ?? `exit code ${code ?? 'unknown'}`));
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get load(): ChildLoad {
    return { ...this.#load, jobs: this.#jobs.size };
  }

  /** Bytes that the child has not taken yet. */
  get backlogBytes(): number {
    return this.#channel.writableLength + this.#writer.waitingBytes;
  }

  /** False once it is being ended. */
  get isUsable(): boolean {
    return !this.#gone && !this.#ending;
  }

  /** Answers the job's number. */
  open(spec: unknown, events: JobEvents): number {
    const job = ++this.#lastJob;
    this.#jobs.set(job, events);
    this.#tell(job, { type: 'open', spec });
    return job;
  }

  send(job: number, packet: JobPacket): void {
    if (this.#jobs.has(job) && this.#isOpen) this.#writer.packet(job, packet);
  }

  command(job: number, command: unknown): void {
    if (this.#jobs.has(job)) this.#tell(job, { type: 'command', command });
  }

  close(job: number): void {
    if (!this.#jobs.delete(job)) return;
    this.#tell(job, { type: 'close' });
    if (this.#jobs.size === 0) this.#host.idle(this);
  }

  /** Asks for a sign of life; answers how many such questions are unanswered. */
  ping(): number {
    this.#tell(0, { type: 'ping', id: ++this.#pings });
    return this.#pings - this.#pongs;
  }

  /** Lets it end in order. */
  end(): void {
    this.#ending = true;
    this.#writer.flush();
    this.#channel.end();
  }

  kill(why: string): void {
    if (this.#gone) return;
    this.#host.log.warn('A media child is ended', { pid: this.pid, why });
    this.#ending = true;
    this.#process.kill('SIGKILL');
  }

  get #isOpen(): boolean {
    return !this.#gone && this.#channel.writable;
  }

  #tell(job: number, value: unknown): void {
    if (this.#isOpen) this.#writer.json(job, value);
  }

  #take(frame: ChildFrame): void {
    const events = this.#jobs.get(frame.job);
    if (frame.kind === 'packet') { events?.onPacket(frame); return; }
    const message = frame.value as ChildMessage;
    if (message.type === 'pong') this.#onPong(message);
    else if (message.type === 'fault') this.#host.log.warn('A job of a media child could not be released', { reason: message.reason });
    else if (message.type === 'event') events?.onEvent?.(message.event);
    else if (message.type === 'failed') this.#finish(frame.job, { type: 'failed', reason: message.reason ?? 'unknown' });
    else if (message.type === 'ended') this.#finish(frame.job, { type: 'done', reason: 'done' });
  }

  #finish(job: number, end: JobEnd): void {
    const events = this.#jobs.get(job);
    this.#jobs.delete(job);
    events?.onEnd(end);
    if (this.#jobs.size === 0) this.#host.idle(this);
  }

  #onPong({ id = 0, cpuMs = 0, rssBytes = 0 }: ChildMessage): void {
    this.#pongs = Math.max(this.#pongs, id);
    const atMs = performance.now();
    const before = this.#measured;
    this.#measured = { cpuMs, atMs };
    this.#load = { cores: before === undefined ? 0 : (cpuMs - before.cpuMs) / Math.max(1, atMs - before.atMs), rssBytes };
  }

  #onExit(how: string): void {
    if (this.#gone) return;
    this.#gone = true;
    const jobs = [...this.#jobs.values()];
    this.#jobs.clear();
    if (jobs.length > 0) this.#host.log.warn('A media child has died', { pid: this.pid, how, jobs: jobs.length, stderr: this.#stderr });
    this.#host.exited(this);
    for (const events of jobs) events.onEnd({ type: 'lost', reason: how });
  }
}
