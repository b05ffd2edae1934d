import type { SampleEncoder } from 'wcs-core/process/av/audio-encoder';
import { Decoder, type Frame } from 'wcs-core/process/av/decoder';
import { openAudioEncoder } from 'wcs-core/process/av/open-audio-encoder';
import { Resampler } from 'wcs-core/process/av/resampler';
import type { JobOutput } from 'wcs-core/process/child-jobs';
import type { JobPacket } from 'wcs-core/process/framing';
import { audioFormatFor, type AudioFormat } from '../processor/audio-format.ts';
import type { AudioOutputSpec, ChainInput, OutputSpec } from '../processor/chain-spec.ts';
import { DECODERS } from 'wcs-core/process/av/codec-names';
import { configOf, type MediaChain } from './chain.ts';
import { audioConfigOf } from 'wcs-core/process/av/output-config';
import { SampleClock, DRIFT_STEP_SAMPLES } from './sample-clock.ts';

const US_PER_SECOND = 1_000_000;

/** One track of sound, decoded once, encoded for each output. */
export class AudioChain implements MediaChain {
  readonly #output: JobOutput;
  readonly #outputs = new Map<number, AudioOutput>();
  #decoder: Decoder;
  #stampMs = 0;

  constructor(input: ChainInput, output: JobOutput) {
    this.#output = output;
    this.#decoder = openDecoder(input);
  }

  setInput(input: ChainInput): void {
    this.#decoder.close();
    this.#decoder = openDecoder(input);
  }

  addOutput(port: number, spec: OutputSpec): void {
    if (spec.kind !== 'audio') throw new TypeError('A chain of sound makes sound');
    this.removeOutput(port);
    this.#outputs.set(port, new AudioOutput(port, spec, this.#output));
  }

  removeOutput(port: number): void {
    this.#outputs.get(port)?.close();
    this.#outputs.delete(port);
  }

  push(packet: JobPacket): void {
    this.#stampMs = packet.stampMs;
    this.#decoder.decode(packet, (frame, ptsUs) => this.#onFrame(frame, ptsUs));
  }

  requestKeyFrame(): void {
    // Every packet of sound is one.
  }

  close(): void {
    for (const port of [...this.#outputs.keys()]) this.removeOutput(port);
    this.#decoder.close();
  }

  #onFrame(frame: Frame, ptsUs: number): void {
    for (const [port, output] of this.#outputs) {
      try {
        output.push(frame, ptsUs, this.#stampMs);
      } catch (error) {
        this.#output.event({ type: 'outputFailed', port, reason: String(error) });
        this.removeOutput(port);
      }
    }
  }
}

function openDecoder(input: ChainInput): Decoder {
  const { codec, sampleRateHz, channels } = input;
  // What a telephone codec is, its descriptor need not say.
  const rateHz = sampleRateHz ?? (codec === 'g722' ? 16_000 : codec === 'opus' ? 48_000 : 8000);
  return new Decoder({ names: DECODERS[codec] ?? [], codecConfig: codec === 'opus' ? undefined : configOf(input), sampleRateHz: rateHz, channels: channels ?? 1 });
}

/** One encoding. Its time is an anchor and the samples put out since, in whole samples of its own rate. */
class AudioOutput {
  readonly #port: number;
  readonly #spec: AudioOutputSpec;
  readonly #output: JobOutput;
  readonly #clock = new SampleClock();
  #format: AudioFormat | undefined;
  #encoder: SampleEncoder | undefined;
  #resampler: Resampler | undefined;
  /** Interleaved samples that wait for a whole frame. */
  #waiting = new Int16Array(0);
  #count = 0;
  #anchorUs = 0;
  /** Samples encoded; the first of them has the time of the anchor, which moves when the source's clock jumps. */
  #encoded = 0;
  #discontinuity = false;
  #sinceCorrection = 0;

  constructor(port: number, spec: AudioOutputSpec, output: JobOutput) {
    this.#port = port;
    this.#spec = spec;
    this.#output = output;
  }

  push(frame: Frame, ptsUs: number, stampMs: number): void {
    const format = this.#format ?? this.#open(frame);
    const step = this.#clock.next(ptsUs);
    if (this.#encoded === 0 && this.#count === 0) this.#anchorUs = ptsUs;
    if (step.type === 'restart') this.#restart(ptsUs, format);
    if (step.type === 'fill') this.#fill(step.us, format);
    const samples = this.#resampler?.resample(frame);
    if (samples === undefined) return;
    this.#take(samples, format);
    // What the resampler keeps back for a moment counts as put out: it comes.
    this.#clock.advance(frame.nbSamples, frame.sampleRate);
    this.#encode(format, stampMs);
  }

  close(): void {
    this.#encoder?.close();
    this.#resampler?.close();
  }

  #open(frame: Frame): AudioFormat {
    const { codec } = this.#spec;
    const format = audioFormatFor(this.#spec, { sampleRateHz: frame.sampleRate, channels: frame.channels });
    const { sampleRateHz, channels, bitrateBps, samplesPerFrame, options } = format;
    this.#encoder = openAudioEncoder(codec, { sampleRateHz, channels, bitrateBps, samplesPerFrame, options });
    this.#resampler = new Resampler(sampleRateHz, channels);
    this.#format = format;
    this.#output.event({ type: 'format', port: this.#port, format: { codec, sampleRateHz, channels, ...audioConfigOf(codec, sampleRateHz, channels) } });
    return format;
  }

  /** The count of samples goes on: the encoder may still hold some from before, which must not be stamped from the new anchor on. */
  #restart(ptsUs: number, { sampleRateHz }: AudioFormat): void {
    this.#count = 0;
    this.#anchorUs = ptsUs - (this.#encoded * US_PER_SECOND) / sampleRateHz;
    this.#discontinuity = true;
  }

  #fill(us: number, { sampleRateHz, channels }: AudioFormat): void {
    const samples = Math.round((us * sampleRateHz) / US_PER_SECOND);
    this.#append(new Int16Array(samples * channels));
    this.#clock.advance(samples, sampleRateHz);
  }

  /** Takes decoded samples, one more or one less now and then while drift is worked off. */
  #take(samples: Int16Array, { sampleRateHz, channels }: AudioFormat): void {
    this.#sinceCorrection += samples.length / channels;
    const { correction } = this.#clock;
    if (correction === 0 || this.#sinceCorrection < DRIFT_STEP_SAMPLES || samples.length < 2 * channels) {
      this.#append(samples);
      return;
    }
    this.#sinceCorrection = 0;
    if (correction < 0) this.#append(samples.subarray(0, samples.length - channels));
    else {
      this.#append(samples);
      this.#append(samples.slice(samples.length - channels));
    }
    this.#clock.advance(correction, sampleRateHz);
  }

  #append(samples: Int16Array): void {
    const needed = this.#count + samples.length;
    if (this.#waiting.length < needed) {
      const larger = new Int16Array(needed * 2);
      larger.set(this.#waiting.subarray(0, this.#count));
      this.#waiting = larger;
    }
    this.#waiting.set(samples, this.#count);
    this.#count = needed;
  }

  #encode({ sampleRateHz, channels }: AudioFormat, stampMs: number): void {
    const encoder = this.#encoder;
    if (encoder === undefined) return;
    const length = encoder.samplesPerFrame * channels;
    let at = 0;
    for (; at + length <= this.#count; at += length) {
      encoder.encode(this.#waiting.subarray(at, at + length), this.#encoded, (data, pts) => {
        const ptsUs = Math.round(this.#anchorUs + (pts * US_PER_SECOND) / sampleRateHz);
        const discontinuity = this.#discontinuity;
        this.#discontinuity = false;
        this.#output.packet({ port: this.#port, key: true, ptsUs, dtsUs: ptsUs, stampMs, data, ...(discontinuity ? { discontinuity } : {}) });
      });
      this.#encoded += encoder.samplesPerFrame;
    }
    if (at === 0) return;
    this.#waiting.copyWithin(0, at, this.#count);
    this.#count -= at;
  }
}
