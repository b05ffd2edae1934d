import { Socket } from 'node:net';
import { messageOf } from '../errors/wcs-error.ts';
import { FrameWriter } from './frame-writer.ts';
import { FrameReader, type ChildFrame, type JobPacket } from './framing.ts';

/** File descriptor of the channel to the parent. */
export const CHANNEL_FD = 3;

/** One job at work in the child. What a method throws ends that job and no other. */
export interface JobHandler {
  onPacket(packet: JobPacket): void;
  onCommand?(command: unknown): void;
  close(): void;
}

/** What a job tells its owner in the parent. */
export interface JobOutput {
  packet(packet: JobPacket): void;
  event(event: unknown): void;
  /** The job is done; nothing comes after. */
  end(): void;
}

/** Opens a job; may answer later, packets wait. A throw refuses it with its sentence. */
export type OpenJob = (spec: unknown, output: JobOutput) => JobHandler | Promise<JobHandler>;

/** What a parent says to job 0 or of a job. */
interface ParentMessage {
  readonly type: 'open' | 'command' | 'close' | 'ping';
  readonly spec?: unknown;
  readonly command?: unknown;
  readonly id?: number;
}

interface Entry {
  handler: JobHandler | undefined;
  waiting: ChildFrame[];
}

/** Serves the parent's jobs over file descriptor 3 until the parent ends it. The one call of a child's module. */
export function serveJobs(open: OpenJob): void {
  const socket = new Socket({ fd: CHANNEL_FD });
  const writer = new FrameWriter(socket);
  const jobs = new JobTable(open, writer);
  const reader = new FrameReader((frame) => jobs.take(frame));
  socket.on('data', (chunk) => reader.push(chunk));
  // Without a parent there is nobody to work for.
  socket.on('error', () => process.exit(0));
  socket.on('end', () => process.exit(0));
  jobs.hello();
}

class JobTable {
  readonly #open: OpenJob;
  readonly #writer: FrameWriter;
  readonly #jobs = new Map<number, Entry>();

  constructor(open: OpenJob, writer: FrameWriter) {
    this.#open = open;
    this.#writer = writer;
  }

  hello(): void {
    this.#tell(0, { type: 'hello' });
  }

  take(frame: ChildFrame): void {
    const entry = this.#jobs.get(frame.job);
    const message = frame.kind === 'json' ? (frame.value as ParentMessage) : undefined;
    if (message?.type === 'ping') this.#pong(message.id ?? 0);
    else if (message?.type === 'open') this.#start(frame.job, message.spec);
    else if (message?.type === 'close') this.#close(frame.job);
    else if (entry !== undefined && entry.handler === undefined) entry.waiting.push(frame);
    else if (entry?.handler !== undefined) this.#hand(frame, entry.handler);
  }

  #hand(frame: ChildFrame, handler: JobHandler): void {
    try {
      if (frame.kind === 'packet') handler.onPacket(frame);
      else handler.onCommand?.((frame.value as ParentMessage).command);
    } catch (error) {
      this.#fail(frame.job, error);
    }
  }

  #start(job: number, spec: unknown): void {
    const entry: Entry = { handler: undefined, waiting: [] };
    this.#jobs.set(job, entry);
    const isOpen = (): boolean => this.#jobs.get(job) === entry;
    const output: JobOutput = {
      packet: (packet) => {
        if (isOpen()) this.#writer.packet(job, packet);
      },
      event: (event) => {
        if (isOpen()) this.#tell(job, { type: 'event', event });
      },
      end: () => {
        if (!isOpen()) return;
        this.#tell(job, { type: 'ended' });
        this.#close(job);
      },
    };
    const ready = async (): Promise<void> => {
      const handler = await this.#open(spec, output);
      if (!isOpen()) { handler.close(); return; }
      entry.handler = handler;
      const { waiting } = entry;
      entry.waiting = [];
      for (const frame of waiting) if (isOpen()) this.#hand(frame, handler);
    };
    ready().catch((error: unknown) => this.#fail(job, error));
  }

  #fail(job: number, error: unknown): void {
    if (!this.#jobs.has(job)) return;
    this.#tell(job, { type: 'failed', reason: messageOf(error) });
    this.#close(job);
  }

  #close(job: number): void {
    const entry = this.#jobs.get(job);
    this.#jobs.delete(job);
    try {
      entry?.handler?.close();
    } catch (error) {
      this.#tell(0, { type: 'fault', reason: messageOf(error) });
    }
  }

  #pong(id: number): void {
    const { user, system } = process.cpuUsage();
    this.#tell(0, { type: 'pong', id, cpuMs: (user + system) / 1000, rssBytes: process.memoryUsage.rss() });
  }

  #tell(job: number, value: unknown): void {
    this.#writer.json(job, value);
  }
}
