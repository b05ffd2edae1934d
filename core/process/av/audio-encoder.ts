import { avChannelLayoutDefault, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_SAMPLE_FMT_FLTP, AV_SAMPLE_FMT_S16 } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';
import { drainPackets, failure, findFirst, setOption } from './native.ts';

/** Makes units of a codec of samples. */
export interface SampleEncoder {
  /** Samples of each channel that are taken at a time. */
  readonly samplesPerFrame: number;
  /**
   * @param samples interleaved, exactly `samplesPerFrame` times the channels
   * @param pts in samples
   */
  encode(samples: Int16Array, pts: number, onPacket: (data: Uint8Array, pts: number) => void): void;
  close(): void;
}

/** What an audio encoder is to make. */
export interface AudioEncoderFormat {
  /** FFmpeg's names, best first. */
  readonly names: readonly string[];
  readonly sampleRateHz: number;
  readonly channels: number;
  readonly bitrateBps?: number | undefined;
  readonly options?: Readonly<Record<string, string>>;
  /** For codecs that take any number of samples. */
  readonly samplesPerFrame: number;
}

/** Encodes interleaved 16-bit samples in frames of a fixed length. */
export class AudioEncoder implements SampleEncoder {
  readonly samplesPerFrame: number;
  readonly #channels: number;
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  readonly #isPlanarFloat: boolean;

  /** @throws WcsError MEDIA_E_PROCESSING */
  constructor({ names, sampleRateHz, channels, bitrateBps, options = {}, samplesPerFrame }: AudioEncoderFormat) {
    const codec = findFirst(names, 'encoder');
    const context = this.#context;
    context.allocContext3(codec);
    this.#isPlanarFloat = codec.sampleFormats?.includes(AV_SAMPLE_FMT_S16) === false;
    this.#channels = channels;
    const format = this.#isPlanarFloat ? AV_SAMPLE_FMT_FLTP : AV_SAMPLE_FMT_S16;
    context.sampleFormat = format;
    context.sampleRate = sampleRateHz;
    context.channelLayout = avChannelLayoutDefault(channels);
    context.timeBase = new Rational(1, sampleRateHz);
    // Raw frames, without a header before each.
    context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    if (bitrateBps !== undefined) context.bitRate = BigInt(bitrateBps);
    this.#packet.alloc();
    this.#frame.alloc();
    try {
      for (const [name, value] of Object.entries(options)) setOption(context, name, value);
      const code = context.open2Sync(codec, null);
      if (code < 0) throw failure(`Encoder ${codec.name ?? ''} could not be opened for ${sampleRateHz} Hz`, code);
      this.samplesPerFrame = context.frameSize > 0 ? context.frameSize : samplesPerFrame;
      this.#allocate(format, sampleRateHz);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  encode(samples: Int16Array, pts: number, onPacket: (data: Uint8Array, pts: number) => void): void {
    if (samples.length !== this.samplesPerFrame * this.#channels) throw new WcsError('MEDIA_E_PROCESSING', `${samples.length} samples for an audio frame of ${this.samplesPerFrame}`);
    const frame = this.#frame;
    if (frame.makeWritable() < 0) throw new WcsError('MEDIA_E_PROCESSING', 'No memory for an audio frame');
    this.#fill(samples);
    frame.pts = BigInt(pts);
    const code = this.#context.sendFrameSync(frame);
    if (code < 0) throw failure('The encoder refused sound', code);
    drainPackets(this.#context, this.#packet, (packet) => {
      const { data } = packet;
      if (data !== null) onPacket(data, Number(packet.pts));
    });
  }

  close(): void {
    this.#frame.free();
    this.#packet.free();
    this.#context.freeContext();
  }

  #allocate(format: number, sampleRateHz: number): void {
    const frame = this.#frame;
    frame.format = format as typeof AV_SAMPLE_FMT_S16;
    frame.nbSamples = this.samplesPerFrame;
    frame.sampleRate = sampleRateHz;
    frame.channelLayout = avChannelLayoutDefault(this.#channels);
    const code = frame.getBuffer();
    if (code < 0) throw failure('No memory for an audio frame', code);
  }

  #fill(samples: Int16Array): void {
    const planes = this.#frame.data ?? [];
    const channels = this.#channels;
    if (!this.#isPlanarFloat) {
      const plane = planes[0];
      const bytes = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
      if (plane === undefined || plane.length < bytes.length) throw new WcsError('MEDIA_E_PROCESSING', 'An audio frame is too small');
      bytes.copy(plane);
      return;
    }
    for (let channel = 0; channel < channels; channel++) {
      const plane = planes[channel];
      if (plane === undefined || plane.length < this.samplesPerFrame * 4) throw new WcsError('MEDIA_E_PROCESSING', 'An audio frame is too small');
      const floats = new Float32Array(plane.buffer, plane.byteOffset, this.samplesPerFrame);
      for (let index = 0; index < floats.length; index++) floats[index] = (samples[index * channels + channel] ?? 0) / 32_768;
    }
  }
}
