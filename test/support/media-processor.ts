import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import { bundleChildModule } from '../../core/plugin/bundler.ts';
import { spawnModuleInScope } from '../../core/plugin/spawn.ts';
import { ChildPool, MEDIA_CHILD_ENV } from '../../core/process/child-pool.ts';
import type { JobEnd } from '../../core/process/child.ts';
import { wallStampMs, type JobPacket } from '../../core/process/framing.ts';
import { Scope } from '../../core/scope/scope.ts';
import { FfmpegProcessor } from '../../plugins/transcoder/ffmpeg/ffmpeg-processor.ts';
import { liveCluster, liveHead } from '../../plugins/transcoder/ffmpeg/live-matroska.ts';
import type { ChainInput, OutputFormat, OutputSpec } from '../../plugins/transcoder/processor/chain-spec.ts';
import { NodeAvProcessor } from '../../plugins/transcoder/processor/node-av-processor.ts';
import type { Chain, MediaProcessor } from '../../plugins/transcoder/processor/processor.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { checkout } from './test-kernel.ts';
import { until } from './until.ts';

export type BackEnd = MediaProcessor['name'];

const run = promisify(execFile);

/** A back end that is closed by whoever opened it. */
export interface OpenProcessor {
  readonly processor: MediaProcessor;
  readonly close: () => Promise<void>;
}

/** Opens a back end; node-av in one child that runs the transcoder's module. */
export async function openProcessor(name: BackEnd): Promise<OpenProcessor> {
  if (name === 'ffmpeg') {
    const scope = new Scope('ffmpeg');
    return { processor: await FfmpegProcessor.open(scope), close: () => scope.close() };
  }
  const { pool, close } = await openChildPool('plugins/transcoder/child/transcoder.child.ts');
  return { processor: await NodeAvProcessor.open(pool), close };
}

/** A pool of one child that runs a module of a plugin, without a kernel. */
export async function openChildPool(module: string, options: { readonly gatherMs?: number } = {}): Promise<{ readonly pool: ChildPool; readonly close: () => Promise<void> }> {
  const scope = new Scope('media children');
  const { text } = await bundleChildModule(join(checkout, module), join(checkout, 'core'));
  const silent = (): void => undefined;
  const after = (ms: number, work: () => void): (() => void) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  };
  const pool = new ChildPool({
    spawn: () => spawnModuleInScope(scope, { text, folder: checkout, label: module }, { env: MEDIA_CHILD_ENV }),
    timers: { after },
    owner: scope,
    log: { debug: silent, warn: silent },
    maxChildren: 1,
    idleMs: 60_000,
    ...options,
  });
  const close = (): Promise<void> => {
    pool.close();
    return scope.close();
  };
  return { pool, close };
}

/** The input that a track is for a chain. */
export function inputOf(track: TrackDescriptor, facts: Partial<ChainInput> = {}): ChainInput {
  const config = track.codecConfig === undefined ? {} : { codecConfig: Buffer.from(track.codecConfig).toString('base64') };
  return { kind: track.kind === 'audio' ? 'audio' : 'video', codec: track.codec, ...config, ...facts };
}

/** What came out of a chain, by port. */
export class ChainRecorder {
  readonly packets: JobPacket[] = [];
  readonly formats: { readonly port: number; readonly format: OutputFormat }[] = [];
  readonly failures: { readonly port: number; readonly reason: string }[] = [];
  end: JobEnd | undefined;

  onFormat(port: number, format: OutputFormat): void {
    this.formats.push({ port, format });
  }

  onPacket(packet: JobPacket): void {
    this.packets.push({ ...packet, data: Uint8Array.from(packet.data) });
  }

  onOutputFailed(port: number, reason: string): void {
    this.failures.push({ port, reason });
  }

  onEnd(end: JobEnd): void {
    this.end = end;
  }

  of(port: number): JobPacket[] {
    return this.packets.filter((packet) => packet.port === port);
  }

  formatOf(port: number): OutputFormat | undefined {
    return this.formats.findLast((entry) => entry.port === port)?.format;
  }
}

/** Pushes a frame as one that is never too old to be made, however slowly this machine starts a process. */
export function pushFrame(chain: Chain, { ptsUs, dtsUs, key, data, discontinuity }: MediaFrame): void {
  chain.push({ port: 0, key, ptsUs, dtsUs, data, stampMs: wallStampMs() + 60_000, ...(discontinuity === undefined ? {} : { discontinuity }) });
}

/** Nothing more comes after this, where the end of what went in has come out; or after this, wherever it stopped: more than a busy machine makes a process stand still. */
const QUIET_MS = { atEnd: 300, anywhere: 20_000 } as const;
/** What decoders and encoders hold back at most. */
const HELD_BACK_US = 200_000;

/** Sends frames through a chain, a little faster than they are played, and waits until nothing more comes out. */
export async function convert(processor: MediaProcessor, input: ChainInput, frames: readonly MediaFrame[], outputs: readonly OutputSpec[]): Promise<ChainRecorder> {
  const recorder = new ChainRecorder();
  const chain = processor.openChain(input, recorder, false);
  outputs.forEach((output, port) => chain.addOutput(port, output));
  for (const [index, frame] of frames.entries()) {
    pushFrame(chain, frame);
    if (index % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const endUs = Math.max(...frames.map(({ ptsUs }) => ptsUs)) - HELD_BACK_US;
  const isAtEnd = (port: number): boolean => (recorder.packets.findLast((packet) => packet.port === port)?.ptsUs ?? -Infinity) >= endUs;
  let count = -1;
  let sinceMs = Date.now();
  await until(() => {
    if (recorder.packets.length !== count) {
      count = recorder.packets.length;
      sinceMs = Date.now();
    }
    const working = outputs.map((_, port) => port).filter((port) => !recorder.failures.some((failure) => failure.port === port));
    const quietMs = working.every(isAtEnd) ? QUIET_MS.atEnd : QUIET_MS.anywhere;
    return (Date.now() - sinceMs > quietMs && count > 0) || recorder.end !== undefined || working.length === 0;
  }, 'the end of what comes out', 60_000);
  chain.close();
  return recorder;
}

/** What came out of one port as a file that ffmpeg reads. */
export function outputFile(recorder: ChainRecorder, port: number): string {
  const format = recorder.formatOf(port);
  if (format === undefined) throw new Error(`Nothing came out of port ${port}: ${JSON.stringify([recorder.failures, recorder.end])}`);
  const kind = format.width === undefined ? ('audio' as const) : ('video' as const);
  const file = join(temporaryFolder(), `port-${port}.mkv`);
  const clusters = recorder.of(port).filter(({ ptsUs }) => ptsUs >= 0).map(({ data, ptsUs, key }) => liveCluster(data, ptsUs, key));
  writeFileSync(file, Buffer.concat([liveHead({ kind, ...format }), ...clusters]));
  return file;
}

/** The frequency of each file's only tone, by its zero crossings; leaves out the first and the last tenth of a second. */
export async function tonesOf(files: readonly string[]): Promise<number[]> {
  const rateHz = 48_000;
  const results = await eachByFfmpeg(files, ['-ac', '1', '-ar', String(rateHz), '-f', 's16le']);
  return results.made.map((bytes) => {
    const samples = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length >> 1).subarray(rateHz / 10, -rateHz / 10);
    let crossings = 0;
    for (let index = 1; index < samples.length; index++) if (samples[index - 1]! < 0 && samples[index]! >= 0) crossings++;
    return (crossings * rateHz) / samples.length;
  });
}

/** Pictures that ffmpeg decodes of each file, and what it complains of. */
export async function decoded(...files: readonly string[]): Promise<{ readonly frames: readonly number[]; readonly errors: string }> {
  const { made, stderr } = await eachByFfmpeg(files, ['-fps_mode', 'passthrough', '-f', 'framemd5']);
  return { frames: made.map((bytes) => bytes.toString().split('\n').filter((line) => /^\d/.test(line)).length), errors: stderr };
}

/** What one ffmpeg makes of each file: its start is the dear part. */
async function eachByFfmpeg(files: readonly string[], how: readonly string[]): Promise<{ readonly made: readonly Buffer[]; readonly stderr: string }> {
  const folder = temporaryFolder();
  const made = files.map((_, index) => join(folder, String(index)));
  const outputs = made.flatMap((file, index) => ['-map', String(index), ...how, file]);
  const { stderr } = await run('ffmpeg', ['-nostdin', '-v', 'error', ...files.flatMap((file) => ['-i', file]), ...outputs]);
  return { made: made.map((file) => readFileSync(file)), stderr };
}
