import { isSilentOpusPacket, OPUS_CLOCK_RATE_HZ, opusPacketSamples } from 'wcs-core/formats/opus';
import type { TimedData } from 'wcs-core/process/av/native';
import { openSoundDecoder } from 'wcs-core/process/av/open-sound-decoder';
import type { SoundDecoder, SoundForm } from 'wcs-core/process/av/sound-decoder';
import type { InputTrack } from '../wire/mix-job.ts';
import type { Playout } from './playout.ts';

/** After so much digital silence nothing of what was before is left in a decoder: more of it would change nothing. */
const SETTLED_SAMPLES = OPUS_CLOCK_RATE_HZ / 10;
/** Rates that codecs do not say of themselves. */
const RATE_HZ: Readonly<Record<string, number>> = { g722: 16_000, opus: OPUS_CLOCK_RATE_HZ };
const TELEPHONE_RATE_HZ = 8000;

/** The sound of one input, from packets to what is played. */
export class InputSound {
  readonly #decoder: SoundDecoder;
  readonly #isOpus: boolean;
  readonly #sampleRateHz: number;
  /** Digital silence that the decoder was given last, in samples. */
  #silentSamples = 0;
  #playout: Playout | undefined;
  #nowMs = 0;

  /** @throws WcsError for a codec that cannot be decoded */
  constructor({ codec, codecConfig, sampleRateHz, channels }: InputTrack, form: SoundForm) {
    this.#isOpus = codec === 'opus';
    this.#sampleRateHz = form.sampleRateHz;
    const config = codecConfig === undefined || this.#isOpus ? undefined : Buffer.from(codecConfig, 'base64');
    this.#decoder = openSoundDecoder(codec, { codecConfig: config, sampleRateHz: sampleRateHz ?? RATE_HZ[codec] ?? TELEPHONE_RATE_HZ, channels: channels ?? 1 }, form);
  }

  push(packet: TimedData, playout: Playout, nowMs: number): void {
    if (this.#isOpus && this.#isSettled(packet.data)) {
      const frames = (opusPacketSamples(packet.data) * this.#sampleRateHz) / OPUS_CLOCK_RATE_HZ;
      playout.pushSilence(packet.ptsUs / 1000, frames, nowMs);
      return;
    }
    this.#playout = playout;
    this.#nowMs = nowMs;
    this.#decoder.decode(packet, this.#take);
  }

  close(): void {
    this.#decoder.close();
  }

  /** True for silence that need not be decoded: of those who listen, most send nothing else. */
  #isSettled(packet: Uint8Array): boolean {
    if (!isSilentOpusPacket(packet)) {
      this.#silentSamples = 0;
      return false;
    }
    if (this.#silentSamples >= SETTLED_SAMPLES) return true;
    this.#silentSamples += opusPacketSamples(packet);
    return false;
  }

  readonly #take = (samples: Int16Array, ptsUs: number): void => this.#playout?.push(ptsUs / 1000, samples, this.#nowMs);
}
