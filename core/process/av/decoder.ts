import { avChannelLayoutDefault, CodecContext, Frame, Packet, Rational } from 'node-av/lib';
import { AV_CODEC_FLAG_LOW_DELAY, AV_NOPTS_VALUE, AVERROR_EAGAIN, AVERROR_EOF } from 'node-av/constants';
import { failure, findFirst, MAX_PICTURE_SIDE, ticksOf, usOf, VIDEO_CLOCK_HZ, type TimedData } from './native.ts';

export type { Frame } from 'node-av/lib';

/** What a decoder needs to know of a track. */
export interface DecoderFormat {
  /** FFmpeg's names, best first. */
  readonly names: readonly string[];
  /** avcC, hvcC, av1C, AudioSpecificConfig…: as the bus has it. */
  readonly codecConfig?: Uint8Array | undefined;
  readonly sampleRateHz?: number | undefined;
  readonly channels?: number | undefined;
}

/** Decodes one track. */
export class Decoder {
  readonly #context = new CodecContext();
  readonly #packet = new Packet();
  readonly #frame = new Frame();
  /** Units that the decoder refused. */
  errors = 0;

  /** @throws WcsError MEDIA_E_PROCESSING */
  constructor({ names, codecConfig, sampleRateHz, channels }: DecoderFormat) {
    const codec = findFirst(names, 'decoder');
    const context = this.#context;
    context.allocContext3(codec);
    context.pktTimebase = new Rational(1, VIDEO_CLOCK_HZ);
    context.threadCount = 1;
    context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    if (codecConfig !== undefined && codecConfig.length > 0) context.extraData = Buffer.from(codecConfig);
    if (sampleRateHz !== undefined) context.sampleRate = sampleRateHz;
    if (channels !== undefined) context.channelLayout = avChannelLayoutDefault(channels);
    this.#packet.alloc();
    this.#frame.alloc();
    const code = context.open2Sync(codec, null);
    if (code >= 0) return;
    this.close();
    throw failure(`Decoder ${codec.name ?? ''} could not be opened`, code);
  }

  /** Hands each decoded frame over, valid within the call only. A unit that can't be decoded is counted. */
  decode({ data, ptsUs, dtsUs, key }: TimedData, onFrame: (frame: Frame, ptsUs: number) => void): void {
    const packet = this.#packet;
    packet.data = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    packet.pts = ticksOf(ptsUs);
    packet.dts = ticksOf(dtsUs);
    packet.isKeyframe = key;
    const code = this.#context.sendPacketSync(packet);
    packet.unref();
    if (code < 0 && code !== AVERROR_EAGAIN) this.errors += 1;
    this.#drain(onFrame);
  }

  /** Hands over what the decoder still holds; it takes nothing afterwards. */
  flush(onFrame: (frame: Frame, ptsUs: number) => void): void {
    this.#context.sendPacketSync(null);
    this.#drain(onFrame);
  }

  close(): void {
    this.#frame.free();
    this.#packet.free();
    this.#context.freeContext();
  }

  #drain(onFrame: (frame: Frame, ptsUs: number) => void): void {
    const frame = this.#frame;
    for (;;) {
      const code = this.#context.receiveFrameSync(frame);
      if (code === AVERROR_EAGAIN || code === AVERROR_EOF) return;
      if (code < 0) {
        this.errors += 1;
        return;
      }
      try {
        const ticks = frame.bestEffortTimestamp;
        if (isSane(frame) && ticks !== AV_NOPTS_VALUE) onFrame(frame, usOf(ticks));
      } finally {
        frame.unref();
      }
    }
  }
}

function isSane({ width, height, nbSamples, sampleRate, channels }: Frame): boolean {
  const isPicture = width > 0 && height > 0 && width <= MAX_PICTURE_SIDE && height <= MAX_PICTURE_SIDE;
  return isPicture || (nbSamples > 0 && sampleRate > 0 && channels > 0);
}
