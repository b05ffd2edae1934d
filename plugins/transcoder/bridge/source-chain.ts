import { clockRateOf, type Log, type MediaFrame, type PluginContext, type Scope, type Stream, type TrackDescriptor, type TranscodeJob } from 'wcs-core';
import type { JobEnd } from 'wcs-core/process/child';
import { LAST_PORT, wallStampMs, type JobPacket } from 'wcs-core/process/framing';
import { PortNumbers } from 'wcs-core/process/port-numbers';
import type { ChainInput, OutputFormat, OutputSpec } from '../processor/chain-spec.ts';
import type { Chain, MediaProcessor } from '../processor/processor.ts';

/** What waits for a process at most, as for any reader. */
const MAX_BACKLOG_BYTES = 4 * 1024 * 1024;
/** So many ends of its process within the window: the track itself is the poison. */
const MAX_CRASHES = 3;
const CRASH_WINDOW_MS = 60_000;
/** Between two key frames that are asked for. */
const KEY_FRAME_INTERVAL_MS = 500;

/** Names the subscriptions of transcoders. */
const LABEL = 'transcoder';

/** What the chain of a track needs. */
export interface SourceChainParts {
  readonly ctx: PluginContext;
  readonly processor: MediaProcessor;
  readonly stream: Stream;
  readonly track: TrackDescriptor;
  /** Called once when nothing is made of the track any more. */
  readonly onEmpty: () => void;
}

interface Output {
  readonly job: TranscodeJob;
  readonly spec: OutputSpec;
  descriptor: TrackDescriptor | undefined;
  revision: number;
}

/** One track of a stream on its way through a processor: read once, decoded once, for all that is made of it. */
export class SourceChain {
  readonly #parts: SourceChainParts;
  readonly #log: Log;
  readonly #scope: Scope;
  readonly #outputs = new Map<number, Output>();
  #track: TrackDescriptor;
  #chain: Chain | undefined;
  readonly #ports = new PortNumbers(1, LAST_PORT);
  #crashesAtMs: number[] = [];
  #dropsToKey = false;
  #lastKeyMs = -Infinity;
  #cancelKey: (() => void) | undefined;

  /** @throws WcsError when the stream has ended */
  constructor(parts: SourceChainParts) {
    const { ctx, stream, track } = parts;
    this.#parts = parts;
    this.#track = track;
    this.#log = ctx.log.child({ stream: stream.name, trackId: track.id });
    this.#scope = ctx.scope.child(`chain of ${stream.name} ${track.id}`);
    this.#chain = this.#open(false);
    try {
      this.#subscribe();
    } catch (error) {
      this.#chain.close();
      void this.#scope.close();
      throw error;
    }
    this.#scope.add('outputs', () => this.#endAll());
  }

  get size(): number {
    return this.#outputs.size;
  }

  /** Whether anybody but transcoders reads the stream. */
  get isWanted(): boolean {
    return this.size > 0 && this.#parts.stream.subscriptions.some(({ label }) => label !== LABEL);
  }

  /** Makes one more track; answers what ends that. */
  add(job: TranscodeJob, spec: OutputSpec): () => void {
    const port = this.#ports.next((used) => this.#outputs.has(used));
    this.#outputs.set(port, { job, spec, descriptor: undefined, revision: 0 });
    this.#chain?.addOutput(port, spec);
    return () => this.#remove(port);
  }

  /** Throttled, for all outputs at once: their key frames stay at the same pictures. */
  requestKeyFrame(): void {
    if (this.#cancelKey !== undefined) return;
    const waitMs = this.#lastKeyMs + KEY_FRAME_INTERVAL_MS - performance.now();
    if (waitMs <= 0) { this.#sendKeyFrameRequest(); return; }
    this.#cancelKey = this.#parts.ctx.timers.after(waitMs, () => {
      this.#cancelKey = undefined;
      this.#sendKeyFrameRequest();
    });
  }

  #sendKeyFrameRequest(): void {
    this.#lastKeyMs = performance.now();
    this.#chain?.requestKeyFrame();
  }

  #remove(port: number): void {
    if (!this.#outputs.delete(port)) return;
    this.#chain?.removeOutput(port);
    if (this.#outputs.size === 0) void this.#scope.close();
  }

  #open(alone: boolean): Chain {
    const chain: Chain = this.#parts.processor.openChain(
      inputOf(this.#track),
      {
        onFormat: (port, format) => this.#onFormat(port, format),
        onPacket: (packet) => this.#onPacket(packet),
        onOutputFailed: (port, reason) => this.#fail(port, reason),
        onTrouble: (port, reason) => this.#log.warn('A track is made without its watermark', { trackId: this.#outputs.get(port)?.job.trackId, reason }),
        onEnd: (end) => this.#onEnd(end),
      },
      alone,
    );
    for (const [port, { spec }] of this.#outputs) chain.addOutput(port, spec);
    return chain;
  }

  #subscribe(): void {
    const { ctx, stream } = this.#parts;
    const { id, kind, codec } = this.#track;
    const subscription = ctx.media.subscribe(stream, {
      plane: 'frames',
      accept: [{ kind, codecs: [codec] }],
      onMismatch: 'omit',
      // Pictures need the group that has begun; sound begins now.
      from: kind === 'video' ? 'gop' : 'live',
      label: LABEL,
      sink: {
        onTracks: (tracks) => this.#onTracks(tracks.find((track) => track.id === id)),
        onFrame: (frame) => {
          if (frame.track.id === id) this.#push(frame);
        },
        onEnd: () => void this.#scope.close(),
      },
    });
    this.#scope.add('subscription', () => subscription.close());
  }

  #onTracks(track: TrackDescriptor | undefined): void {
    if (track === undefined || track.revision === this.#track.revision) return;
    this.#track = track;
    this.#chain?.setInput(inputOf(track));
  }

  #push(frame: MediaFrame): void {
    const chain = this.#chain;
    if (chain === undefined) return;
    if (frame.track.kind === 'video' && this.#isLeftOut(frame, chain.backlogBytes)) return;
    const { ptsUs, dtsUs, key, data, receivedAtMs, discontinuity } = frame;
    const ageMs = Math.max(0, performance.now() - receivedAtMs);
    chain.push({ port: 0, key, ptsUs, dtsUs, data, stampMs: Math.max(0, Math.round(wallStampMs() - ageMs)), ...(discontinuity === undefined ? {} : { discontinuity }) });
  }

  /** A process that doesn't keep up gets no pictures before the next key frame. */
  #isLeftOut({ key }: MediaFrame, backlogBytes: number): boolean {
    if (backlogBytes > MAX_BACKLOG_BYTES) this.#dropsToKey = true;
    else if (key) this.#dropsToKey = false;
    return this.#dropsToKey;
  }

  #onFormat(port: number, format: OutputFormat): void {
    const output = this.#outputs.get(port);
    if (output === undefined) return;
    output.descriptor = descriptorOf(output.job, format, ++output.revision);
    output.job.output.setTrack(output.descriptor);
  }

  #onPacket({ port, ptsUs, dtsUs, key, data, discontinuity }: JobPacket): void {
    const output = this.#outputs.get(port);
    // Sound of an encoder begins a moment before its first sample: nothing on the stream's clock is before zero.
    if (output?.descriptor === undefined || dtsUs < 0) return;
    output.job.output.write({ track: output.descriptor, ptsUs, dtsUs, key, data, receivedAtMs: performance.now(), ...(discontinuity === undefined ? {} : { discontinuity }) });
  }

  #fail(port: number, reason: string): void {
    const output = this.#outputs.get(port);
    if (output === undefined) return;
    this.#log.warn('A track could not be made', { trackId: output.job.trackId, reason });
    this.#outputs.delete(port);
    output.job.output.fail(reason);
    if (this.#outputs.size === 0) void this.#scope.close();
  }

  #onEnd({ type, reason }: JobEnd): void {
    this.#chain = undefined;
    if (this.#scope.closed || this.#parts.ctx.scope.closed) return;
    const nowMs = performance.now();
    this.#crashesAtMs = [...this.#crashesAtMs.filter((atMs) => nowMs - atMs < CRASH_WINDOW_MS), nowMs];
    const crashes = this.#crashesAtMs.length;
    if (type !== 'lost' || crashes >= MAX_CRASHES) {
      for (const port of [...this.#outputs.keys()]) this.#fail(port, type === 'lost' ? `Its process ended ${crashes} times: ${reason}` : reason);
      return;
    }
    this.#log.warn('The process of a transcoded track is gone; the track goes on in another one', { reason, crashes });
    // Once may be a neighbour's fault; a second time the track must not take neighbours along.
    this.#chain = this.#open(crashes > 1);
    if (this.#track.kind !== 'video') return;
    for (const frame of this.#parts.stream.cachedGop) if (frame.track.id === this.#track.id) this.#push(frame);
    this.#parts.stream.requestKeyFrame(this.#track.id);
  }

  /** The scope closes: what is left of the outputs gets no more from here. */
  #endAll(): void {
    this.#cancelKey?.();
    this.#chain?.close();
    this.#chain = undefined;
    const left = [...this.#outputs.values()];
    this.#outputs.clear();
    this.#parts.onEmpty();
    for (const { job } of left) job.output.fail('The transcoder was stopped');
  }
}

function inputOf({ kind, codec, codecConfig, sampleRateHz, channels, frameRate, width, height }: TrackDescriptor): ChainInput {
  return {
    kind: kind === 'audio' ? 'audio' : 'video',
    codec,
    ...(codecConfig === undefined ? {} : { codecConfig: Buffer.from(codecConfig).toString('base64') }),
    ...(sampleRateHz === undefined ? {} : { sampleRateHz }),
    ...(channels === undefined ? {} : { channels }),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(width === undefined ? {} : { width }),
    ...(height === undefined ? {} : { height }),
  };
}

function descriptorOf({ trackId, track }: TranscodeJob, format: OutputFormat, revision: number): TrackDescriptor {
  const { codec, codecConfig, ...facts } = format;
  return {
    id: trackId,
    kind: track.kind,
    codec,
    clockRateHz: clockRateOf(codec, facts.sampleRateHz),
    revision,
    ...facts,
    ...(codecConfig === undefined ? {} : { codecConfig: Buffer.from(codecConfig, 'base64') }),
    ...(track.kind === 'video' ? { hasBFrames: false } : {}),
  };
}
