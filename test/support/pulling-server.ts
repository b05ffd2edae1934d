import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numberOf } from './rtsp-server.ts';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';
import { checkout, freePorts, startTestKernel, type TestKernel } from './test-kernel.ts';

/** A server whose RTSP plugin a test may change, and which pulls for somebody on this machine. */
export class PullingServer {
  readonly kernel: TestKernel;
  readonly #root: string;

  /** Of its own RTSP server. */
  readonly port: number;

  private constructor(kernel: TestKernel, root: string, port: number) {
    this.kernel = kernel;
    this.port = port;
    this.#root = root;
  }

  static async start(client: Readonly<Record<string, unknown>> = {}, others: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {}, config: Readonly<Record<string, unknown>> = {}): Promise<PullingServer> {
    const root = temporaryFolder();
    mkdirSync(join(root, 'plugins'));
    for (const name of ['rtsp', ...Object.keys(others)]) cpSync(join(checkout, 'plugins', name), join(root, 'plugins', name), { recursive: true });
    for (const name of ['core', 'node_modules', 'package.json']) symlinkSync(join(checkout, name), join(root, name));
    const [port = 0] = await freePorts(1);
    const kernel = await startTestKernel({ root, config: { log: { level: 'trace' }, ...config }, plugins: { ...others, rtsp: { port, udp: false, client } } });
    return new PullingServer(kernel, root, port);
  }

  /** Calls an operation from this machine. */
  call(name: string, input: unknown = {}): Promise<unknown> {
    return this.kernel.kernel.parts.operations.call(name, input, { caller: { kind: 'rest', user: 'test', role: 'admin', address: '127.0.0.1' }, signal: new AbortController().signal });
  }

  /** Asks for a stream as a reader does, and keeps the numbers that it brings. */
  read(name: string): Promise<ReadStream> {
    return readStream(this.kernel, name);
  }

  /** Swaps the plugin for another version of itself. */
  async swap(version: number): Promise<{ readonly moved: number; readonly draining: number }> {
    const file = join(this.#root, 'plugins', 'rtsp', 'rtsp.plugin.ts');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/version: '1\.0\.\d+'/, `version: '1.0.${version}'`));
    const { host } = this.kernel.kernel;
    if ((await host.reload('rtsp')) !== 'swapped') throw new Error('Not swapped');
    const { lastSwap } = host.slot('rtsp');
    if (lastSwap === undefined) throw new Error('No report');
    return lastSwap;
  }

  async stop(): Promise<void> {
    await this.kernel.stop();
    removeFolder(this.#root);
  }
}

/** What a reader has seen. */
export interface ReadStream {
  readonly numbers: number[];
  suspended: number;
  resumed: number;
  ended: string | undefined;
  close(): void;
}

/** Asks for a stream as somebody on this machine, and keeps the numbers that it brings. */
export async function readStream({ kernel }: TestKernel, name: string): Promise<ReadStream> {
  const stream = await kernel.parts.media.resolve(name, { caller: '127.0.0.1' });
  const read: ReadStream = { numbers: [], suspended: 0, resumed: 0, ended: undefined, close: () => subscription.close() };
  const subscription = stream.subscribe({
    plane: 'packets',
    from: 'live',
    label: 'test',
    sink: {
      onTracks: () => undefined,
      onPacket: ({ rtp }) => void read.numbers.push(numberOf(rtp)),
      onSuspend: () => void (read.suspended += 1),
      onResume: () => void (read.resumed += 1),
      onEnd: (reason) => void (read.ended = reason),
    },
  });
  return read;
}

/** True when every number follows the one before. */
export function areInOrder(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number === (numbers[index - 1] ?? 0) + 1);
}
