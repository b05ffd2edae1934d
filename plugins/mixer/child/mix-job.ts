import type { JobHandler, JobOutput } from 'wcs-core/process/child-jobs';
import type { JobPacket } from 'wcs-core/process/framing';
import { inputOf, type MixCommand, type MixSpec } from '../wire/mix-job.ts';
import { Input, type SoundForm } from './mix-input.ts';
import { PictureMixes } from './picture-mixes.ts';
import { formOf, TICK_MS } from './sound-encoder.ts';
import { SoundMix } from './sound-mix.ts';

/** A picture that is later than this is left out: the next one is due already. */
const PICTURE_LATE_MS = 80;
/** Sound is made up for the time of a stall, unless that was longer. */
const SOUND_LATE_MS = 500;
/** Of a mix without sound, whose inputs are not decoded. */
const NO_SOUND = { sampleRateHz: 48_000, channels: 1, samplesPerTick: 960, silenceDb: 0, maxDelayMs: 0 };

/** One mix at work: takes the inputs as they come, and puts out sound and pictures by its own clock. No input can stall it. */
export class MixJob implements JobHandler {
  readonly #spec: MixSpec;
  readonly #inputs = new Map<string, Input>();
  readonly #byPort = new Map<number, Input>();
  readonly #form: SoundForm;
  readonly #sound: SoundMix | undefined;
  readonly #picture: PictureMixes | undefined;
  readonly #startMs = performance.now();
  #soundTicks = 0;
  #pictureTicks = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: MixSpec, output: JobOutput) {
    this.#spec = spec;
    this.#form = spec.audio === undefined ? NO_SOUND : { ...formOf(spec.audio), silenceDb: spec.audio.silenceDb, maxDelayMs: spec.audio.maxDelayMs };
    this.#sound = spec.audio === undefined ? undefined : new SoundMix(spec.audio, output);
    this.#picture = spec.video === undefined ? undefined : new PictureMixes(spec.video, spec.layout, output);
    this.#arm();
  }

  onPacket(packet: JobPacket): void {
    const { port, kind } = inputOf(packet.port);
    this.#byPort.get(port)?.push(kind, packet, performance.now());
  }

  onCommand(command: unknown): void {
    // Written by the same bundle.
    this.#obey(command as MixCommand);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#sound?.close();
    this.#picture?.close();
    for (const input of this.#inputs.values()) input.close();
  }

  #obey(command: MixCommand): void {
    switch (command.type) {
      case 'addInput': {
        const input = new Input(command, this.#form);
        this.#inputs.set(command.id, input);
        this.#byPort.set(command.port, input);
        return this.#picture?.arrange();
      }
      case 'removeInput':
        return this.#remove(command.id);
      case 'track':
        if ((command.kind === 'audio' ? this.#sound : this.#picture) === undefined) return;
        this.#inputs.get(command.id)?.setTrack(command.kind, command.track);
        return this.#picture?.arrange();
      case 'change':
        return this.#inputs.get(command.id)?.change(command.change);
      case 'layout':
        return this.#picture?.setLayout(command.layout);
      case 'decorate':
        return this.#picture?.decorate(command.id, command.decoration);
      case 'stage':
        return this.#picture?.setStage(command.stage);
      case 'addSound':
        return this.#sound?.addOwn(command.port, command.without);
      case 'removeSound':
        return this.#sound?.removeOwn(command.port);
      case 'addPicture':
        return this.#picture?.addOwn(command.port, command.without);
      case 'removePicture':
        return this.#picture?.removeOwn(command.port);
      case 'keyFrame':
        return this.#picture?.requestKeyFrame(command.port);
    }
  }

  #remove(id: string): void {
    const input = this.#inputs.get(id);
    if (input === undefined) return;
    this.#inputs.delete(id);
    this.#byPort.delete(input.port);
    input.close();
    this.#picture?.forget(id);
  }

  /** Ticks lie on a grid from the start on, so that a late one does not make the next ones late. */
  #arm(): void {
    const dueMs = Math.min(this.#soundDueMs, this.#pictureDueMs);
    // Timers leave out a part of a millisecond: each would wake up too early, and once more a millisecond later.
    this.#timer = setTimeout(this.#run, Math.max(0, Math.ceil(this.#startMs + dueMs - performance.now())));
  }

  get #soundDueMs(): number {
    return this.#sound === undefined ? Infinity : this.#soundTicks * TICK_MS;
  }

  get #pictureDueMs(): number {
    const { video } = this.#spec;
    return video === undefined ? Infinity : (this.#pictureTicks * 1000) / video.fps;
  }

  readonly #run = (): void => {
    const nowMs = performance.now();
    const sinceMs = nowMs - this.#startMs;
    if (sinceMs - this.#soundDueMs > SOUND_LATE_MS) this.#soundTicks = Math.floor(sinceMs / TICK_MS);
    while (this.#soundDueMs <= sinceMs) {
      // Ticks that are made up for are played as if they had been in time.
      this.#sound?.tick(this.#inputs, this.#timeUs(this.#soundDueMs), this.#startMs + this.#soundDueMs);
      this.#soundTicks += 1;
    }
    const { video } = this.#spec;
    if (video !== undefined && sinceMs - this.#pictureDueMs > PICTURE_LATE_MS) this.#pictureTicks = Math.floor((sinceMs * video.fps) / 1000);
    if (this.#pictureDueMs <= sinceMs) {
      for (const input of this.#inputs.values()) input.showDue(this.#startMs + this.#pictureDueMs);
      this.#picture?.tick(this.#inputs, this.#timeUs(this.#pictureDueMs), nowMs);
      this.#pictureTicks += 1;
    }
    this.#arm();
  };

  #timeUs(ms: number): number {
    return Math.round(this.#spec.originUs + ms * 1000);
  }
}
