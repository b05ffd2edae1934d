import { PassThrough } from 'node:stream';
import ffmpeg, { type FfmpegCommand } from 'fluent-ffmpeg';
import type { Codec, Scope } from 'wcs-core';
import { wallStampMs, type JobPacket } from 'wcs-core/process/framing';
import { MatroskaStreamReader, type StreamedBlock, type StreamedTrack } from 'wcs-core/formats/matroska-stream-reader';
import { encodeDops, parseOpusHead } from 'wcs-core/formats/opus';
import { audioFormatFor } from '../processor/audio-format.ts';
import type { ChainInput, OutputFormat, OutputSpec } from '../processor/chain-spec.ts';
import type { Chain, ChainSink } from '../processor/processor.ts';
import { INPUT_OPTIONS, outputOptions } from './arguments.ts';
import { liveCluster, liveHead } from './live-matroska.ts';

/** What a chain needs of its processor. */
export interface FfmpegHost {
  readonly scope: Scope;
  /** Name of the encoder of a codec in this build. */
  encoderOf(codec: Codec): string | undefined;
  started(run: FfmpegRun): void;
  ended(run: FfmpegRun): void;
}

/** A track in as many processes as there are outputs: the program has one input and one output each. */
export class FfmpegChain implements Chain {
  readonly #sink: ChainSink;
  readonly #host: FfmpegHost;
  readonly #runs = new Map<number, FfmpegRun>();
  readonly #specs = new Map<number, OutputSpec>();
  #input: ChainInput;
  #closed = false;

  constructor(input: ChainInput, sink: ChainSink, host: FfmpegHost) {
    this.#input = input;
    this.#sink = sink;
    this.#host = host;
  }

  get backlogBytes(): number {
    return Math.max(0, ...[...this.#runs.values()].map(({ backlogBytes }) => backlogBytes));
  }

  addOutput(port: number, output: OutputSpec): void {
    this.removeOutput(port);
    const encoder = this.#host.encoderOf(output.codec);
    if (encoder === undefined) {
      queueMicrotask(() => this.#sink.onOutputFailed(port, `No encoder of ${output.codec}`));
      return;
    }
    this.#specs.set(port, output);
    const run: FfmpegRun = new FfmpegRun(this.#input, output, encoder, this.#host, {
      onFormat: (format) => this.#sink.onFormat(port, format),
      onBlock: ({ ptsUs, key, data }) => this.#sink.onPacket({ port, key, ptsUs, dtsUs: ptsUs, stampMs: wallStampMs(), data }),
      onEnd: (reason, killed) => this.#onRunEnd(port, run, reason, killed),
    });
    this.#runs.set(port, run);
  }

  removeOutput(port: number): void {
    this.#specs.delete(port);
    this.#runs.get(port)?.close();
    this.#runs.delete(port);
  }

  setInput(input: ChainInput): void {
    this.#input = input;
    for (const [port, spec] of [...this.#specs]) this.addOutput(port, spec);
  }

  push(packet: JobPacket): void {
    for (const run of this.#runs.values()) run.push(packet);
  }

  requestKeyFrame(): void {
    // The program takes no such word while it runs; its key frames come on their grid.
  }

  close(): void {
    this.#closed = true;
    for (const port of [...this.#runs.keys()]) this.removeOutput(port);
  }

  #onRunEnd(port: number, run: FfmpegRun, reason: string, killed: boolean): void {
    if (this.#closed || this.#runs.get(port) !== run) return;
    if (!killed) {
      this.removeOutput(port);
      this.#sink.onOutputFailed(port, reason);
      return;
    }
    this.close();
    this.#sink.onEnd({ type: 'lost', reason });
  }
}

interface RunEvents {
  onFormat(format: OutputFormat): void;
  onBlock(block: StreamedBlock): void;
  onEnd(reason: string, killed: boolean): void;
}

/** How far a stamp in whole milliseconds may be from the sum of the frames before it. */
const ROUNDING_US = 1500;

/** One process. */
export class FfmpegRun {
  readonly #stdin = new PassThrough({ highWaterMark: 0 });
  readonly #command: FfmpegCommand;
  readonly #host: FfmpegHost;
  readonly #output: OutputSpec;
  readonly #events: RunEvents;
  readonly #isVideo: boolean;
  #awaitsKey: boolean;
  #nextUs: number | undefined;
  #frameUs = 0;
  #over = false;

  constructor(input: ChainInput, output: OutputSpec, encoder: string, host: FfmpegHost, events: RunEvents) {
    this.#host = host;
    this.#output = output;
    this.#events = events;
    this.#isVideo = input.kind === 'video';
    this.#awaitsKey = this.#isVideo;
    if (output.kind === 'audio' && output.codec !== 'aac' && output.codec !== 'mp3') this.#frameUs = 20_000;
    else if (output.kind === 'audio') this.#frameUs = frameUsOf(input, output);
    const reader = new MatroskaStreamReader({ onTrack: (track) => this.#onTrack(track), onBlock: (block) => this.#onBlock(block) });
    const stdout = new PassThrough();
    stdout.on('data', (chunk: Buffer) => {
      try {
        if (!this.#over) reader.push(chunk);
      } catch (error) {
        this.#end(String(error), false);
      }
    });
    this.#stdin.on('error', () => undefined);
    this.#stdin.write(liveHead(input));
    this.#command = ffmpeg(this.#stdin, { niceness: 0 })
      .inputFormat('matroska')
      .inputOptions([...INPUT_OPTIONS]);
    if (output.kind === 'video' && output.watermarkFile !== undefined) this.#command.input(output.watermarkFile);
    this.#command
      .outputOptions([...outputOptions(input, output, encoder)])
      .format('matroska')
      .on('error', (error: Error) => this.#end(error.message, /SIG/.test(error.message)))
      .on('end', () => this.#end('ffmpeg has ended', true));
    this.#command.pipe(stdout, { end: true });
    host.started(this);
  }

  get backlogBytes(): number {
    return this.#stdin.writableLength + this.#stdin.readableLength;
  }

  push({ key, ptsUs, data }: JobPacket): void {
    if (this.#over || ptsUs < 0 || (this.#awaitsKey && !key)) return;
    this.#awaitsKey = false;
    this.#stdin.write(liveCluster(data, ptsUs, key));
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.ended(this);
    this.#command.kill('SIGKILL');
    this.#stdin.destroy();
  }

  #end(reason: string, killed: boolean): void {
    if (this.#over) return;
    this.close();
    this.#events.onEnd(reason, killed);
  }

  #onTrack({ codecPrivate, width, height, sampleRateHz, channels }: StreamedTrack): void {
    const { codec } = this.#output;
    const config = codecPrivate === undefined ? undefined : codec === 'opus' ? encodeDops(parseOpusHead(codecPrivate)) : codec === 'aac' || codec === 'h264' ? codecPrivate : undefined;
    this.#events.onFormat({
      codec,
      ...(config === undefined ? {} : { codecConfig: Buffer.from(config).toString('base64') }),
      ...(this.#isVideo ? { ...(width === undefined ? {} : { width }), ...(height === undefined ? {} : { height }) } : { ...(sampleRateHz === undefined ? {} : { sampleRateHz }), ...(channels === undefined ? {} : { channels }) }),
    });
  }

  /** Stamps come in whole milliseconds; those of sound are counted in frames, so that no rounding is heard. */
  #onBlock(block: StreamedBlock): void {
    if (this.#frameUs === 0) {
      this.#events.onBlock(block);
      return;
    }
    const expectedUs = this.#nextUs;
    const ptsUs = expectedUs !== undefined && Math.abs(block.ptsUs - expectedUs) <= ROUNDING_US ? expectedUs : block.ptsUs;
    this.#nextUs = ptsUs + this.#frameUs;
    this.#events.onBlock({ ...block, ptsUs: Math.round(ptsUs), key: true });
  }
}

function frameUsOf({ sampleRateHz = 48_000, channels = 1 }: ChainInput, output: Extract<OutputSpec, { kind: 'audio' }>): number {
  const format = audioFormatFor(output, { sampleRateHz, channels });
  return ((output.codec === 'mp3' ? 1152 : 1024) * 1_000_000) / format.sampleRateHz;
}
