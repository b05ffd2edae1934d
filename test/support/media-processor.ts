import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { MediaFrame } from '../../core/media/frame.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import { bundleChildModule } from '../../core/plugin/bundler.ts';
import { spawnModuleInScope } from '../../core/plugin/spawn.ts';
import { ChildPool } from '../../core/process/child-pool.ts';
import type { JobEnd } from '../../core/process/child.ts';
import { wallStampMs, type JobPacket } from '../../core/process/framing.ts';
import { Scope } from '../../core/scope/scope.ts';
import { FfmpegProcessor } from '../../plugins/transcoder/ffmpeg/ffmpeg-processor.ts';
import { liveCluster, liveHead } from '../../plugins/transcoder/ffmpeg/live-matroska.ts';
import type { ChainInput, OutputFormat, OutputSpec } from '../../plugins/transcoder/processor/chain-spec.ts';
import { CHILD_ENV, NodeAvProcessor } from '../../plugins/transcoder/processor/node-av-processor.ts';
import type { Chain, MediaProcessor } from '../../plugins/transcoder/processor/processor.ts';
import { scratchFolder } from './ffmpeg.ts';
import { checkout } from './test-kernel.ts';
import { until } from './until.ts';

export type BackEnd = MediaProcessor['name'];

/** A pool whose children run the transcoder's module; closed when the test ends. */
export async function transcoderPool(t: ExecutionContext, maxChildren = 1): Promise<ChildPool> {
  const { text } = await bundleChildModule(join(checkout, 'plugins/transcoder/child/transcoder.child.ts'), join(checkout, 'core'));
  const scope = new Scope('media processor');
  const silent = (): void => undefined;
  const after = (ms: number, work: () => void): (() => void) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  };
  const pool = new ChildPool({
    spawn: () => spawnModuleInScope(scope, { text, folder: checkout, label: 'transcoder' }, { env: CHILD_ENV }),
    timers: { after },
    log: { debug: silent, warn: silent },
    maxChildren,
    idleMs: 60_000,
  });
  t.teardown(async () => {
    pool.close();
    await scope.close();
  });
  return pool;
}

/** A back end that is closed when the test ends. */
export async function openProcessor(t: ExecutionContext, name: BackEnd): Promise<MediaProcessor> {
  if (name === 'node-av') return NodeAvProcessor.open(await transcoderPool(t));
  const scope = new Scope('ffmpeg');
  t.teardown(() => scope.close());
  return FfmpegProcessor.open(scope);
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

/** Sends frames through a chain, a little faster than they are played, and waits until nothing more comes out. */
export async function convert(processor: MediaProcessor, input: ChainInput, frames: readonly MediaFrame[], outputs: readonly OutputSpec[]): Promise<ChainRecorder> {
  const recorder = new ChainRecorder();
  const chain = processor.openChain(input, recorder, false);
  outputs.forEach((output, port) => chain.addOutput(port, output));
  for (const [index, frame] of frames.entries()) {
    pushFrame(chain, frame);
    if (index % 5 === 4) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  let count = -1;
  let sinceMs = Date.now();
  await until(() => {
    if (recorder.packets.length !== count) {
      count = recorder.packets.length;
      sinceMs = Date.now();
    }
    return (Date.now() - sinceMs > 1500 && count > 0) || recorder.end !== undefined || recorder.failures.length === outputs.length;
  }, 'the end of what comes out', 60_000);
  chain.close();
  return recorder;
}

/** What came out of one port as a file that ffmpeg reads. */
export function outputFile(recorder: ChainRecorder, port: number): string {
  const format = recorder.formatOf(port);
  if (format === undefined) throw new Error(`Nothing came out of port ${port}: ${JSON.stringify([recorder.failures, recorder.end])}`);
  const kind = format.width === undefined ? ('audio' as const) : ('video' as const);
  const file = join(scratchFolder(), `port-${port}.mkv`);
  const clusters = recorder.of(port).filter(({ ptsUs }) => ptsUs >= 0).map(({ data, ptsUs, key }) => liveCluster(data, ptsUs, key));
  writeFileSync(file, Buffer.concat([liveHead({ kind, ...format }), ...clusters]));
  return file;
}

/** The frequency of a file's only tone, by its zero crossings; leaves out the first tenth of a second. */
export function toneOf(file: string): number {
  const rateHz = 48_000;
  const { stdout } = spawnSync('ffmpeg', ['-v', 'error', '-i', file, '-ac', '1', '-ar', String(rateHz), '-f', 's16le', '-'], { maxBuffer: 64 * 1024 * 1024 });
  const samples = new Int16Array(stdout.buffer, stdout.byteOffset, stdout.length >> 1).subarray(rateHz / 10, -rateHz / 10);
  let crossings = 0;
  for (let index = 1; index < samples.length; index++) if (samples[index - 1]! < 0 && samples[index]! >= 0) crossings++;
  return (crossings * rateHz) / samples.length;
}

/** Pictures that ffmpeg decodes of a file, and what it complains of. */
export function decoded(file: string): { readonly frames: number; readonly errors: string } {
  const { stdout, stderr } = spawnSync('ffmpeg', ['-v', 'error', '-i', file, '-fps_mode', 'passthrough', '-f', 'framemd5', '-'], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  return { frames: stdout.split('\n').filter((line) => /^\d/.test(line)).length, errors: stderr };
}
