import { Frame } from 'node-av/lib';
import { DECODERS } from 'wcs-core/process/av/codec-names';
import { Decoder } from 'wcs-core/process/av/decoder';
import type { JobPacket } from 'wcs-core/process/framing';
import type { LayoutInput } from '../layout/cells.ts';
import type { InputChange, InputTrack } from '../wire/mix-job.ts';
import { levelDb, type MixInput as SoundOfTick } from './audio-mix.ts';
import { InputSound } from './input-sound.ts';
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
  /** Grows when the picture, or whether there is one to show, has changed: it is to be painted anew. */
  changes = 0;
  /** Sound of the tick. */
  readonly samples: Int16Array;
  speaking = false;
  #loudAtMs = -Infinity;
  #video: Decoder | undefined;
  #audio: InputSound | undefined;
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
      this.#video = track === undefined ? undefined : openVideo(track);
      this.#awaitsKey = true;
      this.#held = [];
      return;
    }
    this.#audio?.close();
    this.#audio = track === undefined ? undefined : new InputSound(track, this.#form);
    this.#playout = new Playout(this.#form);
  }

  change({ gain, videoMuted }: InputChange): void {
    if (gain !== undefined) this.gain = gain;
    if (videoMuted === undefined || videoMuted === this.videoMuted) return;
    this.videoMuted = videoMuted;
    this.changes += 1;
  }

  push(kind: 'audio' | 'video', packet: JobPacket, nowMs: number): void {
    if (kind === 'audio') this.#audio?.push(packet, this.#playout, nowMs);
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
      this.changes += 1;
    });
  }
}

function openVideo({ codec, codecConfig }: InputTrack): Decoder {
  return new Decoder({ names: DECODERS[codec] ?? [], codecConfig: codecConfig === undefined ? undefined : Buffer.from(codecConfig, 'base64') });
}
