import { clockRateOf, type Publication, type TrackDescriptor } from 'wcs-core';
import type { JobPacket } from 'wcs-core/process/framing';
import type { MixFormat } from '../wire/mix-job.ts';

/** Which ports of the mix make a stream. */
export interface OutputPorts {
  readonly video: number | undefined;
  readonly audio: number | undefined;
}

/** Plain data of a `MixOutput`. */
export interface OutputState {
  readonly ports: OutputPorts;
  readonly revision: number;
  readonly lastDtsUs: readonly (readonly [number, number])[];
}

/** One stream that a mix makes. Nothing is published before all its tracks are known, so that no reader sees half of it. */
export class MixOutput {
  readonly publication: Publication;
  readonly ports: OutputPorts;
  readonly #tracks = new Map<number, TrackDescriptor>();
  #revision = 0;
  /** Of the last unit of each port: a child that takes another's place never goes back. */
  readonly #lastDtsUs = new Map<number, number>();

  /** @param state of an output of the previous version, or of the previous child */
  constructor(publication: Publication, ports: OutputPorts, state?: OutputState) {
    this.publication = publication;
    this.ports = ports;
    this.#revision = state?.revision ?? 0;
    for (const [port, lastDtsUs] of state?.lastDtsUs ?? []) this.#lastDtsUs.set(port, lastDtsUs);
  }

  exportState(): OutputState {
    return { ports: this.ports, revision: this.#revision, lastDtsUs: [...this.#lastDtsUs] };
  }

  onFormat(port: number, format: MixFormat): void {
    if (port !== this.ports.video && port !== this.ports.audio) return;
    const kind = port === this.ports.video ? 'video' : 'audio';
    this.#revision += 1;
    this.#tracks.set(port, trackOf(kind, format, this.#revision));
    if (this.#isComplete) this.publication.setTracks([this.ports.video, this.ports.audio].flatMap((known) => (known === undefined ? [] : (this.#tracks.get(known) ?? []))));
  }

  /** @param port the one that it is for: a packet of the sound of all may be for another one too */
  onPacket({ key, ptsUs, dtsUs, data }: JobPacket, port: number): void {
    const track = this.#tracks.get(port);
    // Sound of an encoder begins a moment before its first sample: the stream's clock, which begins at zero, would hold all of that at one time.
    if (track === undefined || !this.#isComplete || dtsUs <= (this.#lastDtsUs.get(port) ?? -1)) return;
    this.#lastDtsUs.set(port, dtsUs);
    this.publication.write({ track, ptsUs, dtsUs, key, data, receivedAtMs: performance.now() });
  }

  get #isComplete(): boolean {
    const { video, audio } = this.ports;
    return (video === undefined || this.#tracks.has(video)) && (audio === undefined || this.#tracks.has(audio));
  }
}

function trackOf(kind: 'audio' | 'video', { codec, codecConfig, width, height, frameRate, sampleRateHz, channels }: MixFormat, revision: number): TrackDescriptor {
  return {
    id: kind,
    kind,
    codec,
    clockRateHz: clockRateOf(codec, sampleRateHz),
    revision,
    ...(codecConfig === undefined ? {} : { codecConfig: Buffer.from(codecConfig, 'base64') }),
    ...(width === undefined || height === undefined ? {} : { width, height }),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(sampleRateHz === undefined ? {} : { sampleRateHz }),
    ...(channels === undefined ? {} : { channels }),
    ...(kind === 'video' ? { hasBFrames: false } : {}),
  };
}
