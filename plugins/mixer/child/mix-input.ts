import { Frame } from 'node-av/lib';
import { DECODERS } from 'wcs-core/process/av/codec-names';
import { Decoder } from 'wcs-core/process/av/decoder';
import { Resampler } from 'wcs-core/process/av/resampler';
import type { JobPacket } from 'wcs-core/process/framing';
import type { LayoutInput } from '../layout/cells.ts';
import type { InputChange, InputTrack } from '../wire/mix-job.ts';
import { levelDb, type MixInput as SoundOfTick } from './audio-mix.ts';
import { Playout } from './playout.ts';

/** How the sound of inputs is brought to the mix. */
export interface SoundForm {
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly samplesPerTick: number;
  readonly silenceDb: number;
  readonly maxDelayMs: number;
}

/** Who has stopped speaking counts as speaking for this long: words have gaps. */
const HANGOVER_MS = 300;
/** A picture waits for its sound no longer than the sound may wait, and this. */
const MAX_HOLD_OVER_MS = 100;
/** Rates that telephone codecs do not say of themselves. */
const RATE_HZ: Readonly<Record<string, number>> = { g722: 16_000, opus: 48_000 };
const TELEPHONE_RATE_HZ = 8000;

/** One stream that goes into a mix: its last picture, and its sound at the mix's pace. */
export class Input implements LayoutInput, SoundOfTick {
  readonly id: string;
  readonly port: number;
  readonly name: string;
  readonly positionId: string | undefined;
  gain = 1;
  videoMuted = false;
  /** The last picture; valid while `pictureAtMs` is set. */
  readonly picture = new Frame();
  /** Monotonic milliseconds at which the picture was decoded; undefined before the first. */
  pictureAtMs: number | undefined;
  /** `wallStampMs` of when the picture came to the server. */
  pictureStampMs = 0;
  /** The picture, or whether there is one to show, has changed since it was painted. */
  dirty = true;
  /** Sound of the tick. */
  readonly samples: Int16Array;
  speaking = false;
  #loudAtMs = -Infinity;
  #video: Decoder | undefined;
  #audio: Decoder | undefined;
  #resampler: Resampler | undefined;
  #playout: Playout;
  #awaitsKey = true;
  /** Pictures that came before their sound is played. */
  #held: { readonly packet: JobPacket; readonly atMs: number }[] = [];
  readonly #form: SoundForm;

  constructor({ id, port, name, positionId }: { readonly id: string; readonly port: number; readonly name: string; readonly positionId?: string | undefined }, form: SoundForm) {
    this.id = id;
    this.port = port;
    this.name = name;
    this.positionId = positionId;
    this.#form = form;
    this.samples = new Int16Array(form.samplesPerTick * form.channels);
    this.#playout = new Playout(form);
    this.picture.alloc();
  }

  /** True once it has pictures, or is about to. */
  get hasVideo(): boolean {
    return this.#video !== undefined;
  }

  /** Milliseconds since it was last heard. */
  quietMs(nowMs: number): number {
    return nowMs - this.#loudAtMs;
  }

  /** @throws WcsError for a codec that cannot be decoded */
  setTrack(kind: 'audio' | 'video', track: InputTrack | undefined): void {
    if (kind === 'video') {
      this.#video?.close();
      this.#video = track === undefined ? undefined : openDecoder(track);
      this.#awaitsKey = true;
      this.#held = [];
      return;
    }
    this.#audio?.close();
    this.#audio = track === undefined ? undefined : openDecoder(track);
    this.#playout = new Playout(this.#form);
  }

  change({ gain, videoMuted }: InputChange): void {
    if (gain !== undefined) this.gain = gain;
    if (videoMuted === undefined || videoMuted === this.videoMuted) return;
    this.videoMuted = videoMuted;
    this.dirty = true;
  }

  push(kind: 'audio' | 'video', packet: JobPacket, nowMs: number): void {
    if (kind === 'audio') this.#hear(packet, nowMs);
    else if (this.#held.length > 0 || this.#soundMs(nowMs) !== undefined) this.#held.push({ packet, atMs: nowMs });
    else this.#see(packet, nowMs);
  }

  /** Decodes the pictures whose sound is played now: both come out of the mix as far apart as they went in. */
  showDue(nowMs: number): void {
    const soundMs = this.#soundMs(nowMs);
    const isDue = ({ packet, atMs }: { readonly packet: JobPacket; readonly atMs: number }): boolean =>
      soundMs === undefined || packet.dtsUs / 1000 <= soundMs || nowMs - atMs > this.#form.maxDelayMs + MAX_HOLD_OVER_MS;
    const waiting = this.#held.findIndex((held) => !isDue(held));
    for (const { packet } of this.#held.splice(0, waiting < 0 ? this.#held.length : waiting)) this.#see(packet, nowMs);
  }

  /** Takes the sound of a tick into `samples`, and notes whether somebody speaks. */
  tick(nowMs: number): void {
    const has = this.#audio !== undefined && this.#playout.read(this.samples, nowMs);
    if (!has && this.#audio === undefined) this.samples.fill(0);
    if (has && this.gain > 0 && levelDb(this.samples) + 20 * Math.log10(this.gain) >= this.#form.silenceDb) this.#loudAtMs = nowMs;
    this.speaking = nowMs - this.#loudAtMs <= HANGOVER_MS;
  }

  close(): void {
    this.#video?.close();
    this.#audio?.close();
    this.#resampler?.close();
    this.picture.free();
  }

  #soundMs(nowMs: number): number | undefined {
    return this.#audio === undefined ? undefined : this.#playout.timeMs(nowMs);
  }

  #see(packet: JobPacket, nowMs: number): void {
    if (this.#video === undefined || (this.#awaitsKey && !packet.key)) return;
    this.#awaitsKey = false;
    this.#video.decode(packet, (frame) => {
      this.picture.unref();
      if (this.picture.ref(frame) < 0) return;
      this.pictureAtMs = nowMs;
      this.pictureStampMs = packet.stampMs;
      this.dirty = true;
    });
  }

  #hear(packet: JobPacket, nowMs: number): void {
    const { sampleRateHz, channels } = this.#form;
    this.#audio?.decode(packet, (frame, ptsUs) => {
      this.#resampler ??= new Resampler(sampleRateHz, channels);
      this.#playout.push(ptsUs / 1000, this.#resampler.resample(frame), nowMs);
    });
  }
}

function openDecoder({ codec, codecConfig, sampleRateHz, channels }: InputTrack): Decoder {
  const config = codecConfig === undefined || codec === 'opus' ? undefined : Buffer.from(codecConfig, 'base64');
  const isSound = sampleRateHz !== undefined || channels !== undefined;
  return new Decoder({ names: DECODERS[codec] ?? [], codecConfig: config, ...(isSound ? { sampleRateHz: sampleRateHz ?? RATE_HZ[codec] ?? TELEPHONE_RATE_HZ, channels: channels ?? 1 } : {}) });
}
