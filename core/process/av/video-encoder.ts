import { CodecContext, Packet, Rational, type Frame } from 'node-av/lib';
import { AV_NOPTS_VALUE, AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE, AV_PIX_FMT_YUV420P } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';
import { checkSize, drainPackets, failure, findFirst, setOption, ticksOf, usOf, VIDEO_CLOCK_HZ, type TimedData } from './native.ts';

/** What a video encoder is to make. */
export interface VideoEncoderFormat {
  readonly codec: 'h264' | 'vp8';
  /** Even. */
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  readonly bitrateBps: number;
  /** Longest distance of key frames in frames; asked-for ones come besides. */
  readonly maxGopFrames: number;
  /** Of x264. */
  readonly preset: string;
}

/** Encodes pictures without reordering: each goes in and comes out in one call. */
export class VideoEncoder {
  readonly format: VideoEncoderFormat;
  readonly #context = new CodecContext();
  readonly #packet = new Packet();

  /** @throws WcsError MEDIA_E_PROCESSING */
  constructor(format: VideoEncoderFormat) {
    this.format = format;
    const { codec, width, height, frameRate, bitrateBps, maxGopFrames } = format;
    checkSize(width, height);
    const found = findFirst(codec === 'h264' ? ['libx264'] : ['libvpx'], 'encoder');
    const context = this.#context;
    context.allocContext3(found);
    context.width = width;
    context.height = height;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.timeBase = new Rational(1, VIDEO_CLOCK_HZ);
    context.framerate = new Rational(Math.round(frameRate * 1000), 1000);
    context.gopSize = maxGopFrames;
    context.maxBFrames = 0;
    context.threadCount = 1;
    this.#setRate(bitrateBps);
    this.#packet.alloc();
    try {
      for (const [name, value] of optionsOf(format)) setOption(context, name, value);
      const code = context.open2Sync(found, null);
      if (code < 0) throw failure(`Encoder ${found.name ?? ''} could not be opened for ${width}x${height}`, code);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** @param frame YUV 4:2:0 of exactly the encoder's size; its picture type is overwritten */
  encode(frame: Frame, ptsUs: number, key: boolean, onPacket: (packet: TimedData) => void): void {
    const { width, height } = this.format;
    if (frame.width !== width || frame.height !== height || frame.format !== AV_PIX_FMT_YUV420P) {
      throw new WcsError('MEDIA_E_PROCESSING', `A picture of ${frame.width}x${frame.height} for an encoder of ${width}x${height}`);
    }
    frame.pts = ticksOf(ptsUs);
    frame.pictType = key ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    const code = this.#context.sendFrameSync(frame);
    if (code < 0) throw failure('The encoder refused a picture', code);
    drainPackets(this.#context, this.#packet, (packet) => {
      const { data } = packet;
      if (data !== null) onPacket({ data, ptsUs: usOf(packet.pts), dtsUs: usOf(packet.dts === AV_NOPTS_VALUE ? packet.pts : packet.dts), key: packet.isKeyframe });
    });
  }

  /** False where the codec can't change its rate while it is open. */
  setBitrate(bitrateBps: number): boolean {
    if (this.format.codec !== 'h264') return false;
    this.#setRate(bitrateBps);
    return true;
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }

  #setRate(bitrateBps: number): void {
    this.#context.bitRate = BigInt(bitrateBps);
    this.#context.rcMaxRate = BigInt(bitrateBps);
    // Half a second.
    this.#context.rcBufferSize = Math.ceil(bitrateBps / 2);
  }
}

function optionsOf({ codec, preset }: VideoEncoderFormat): readonly (readonly [string, string])[] {
  if (codec === 'vp8') return [['deadline', 'realtime'], ['cpu-used', '8'], ['lag-in-frames', '0'], ['error-resilient', '0'], ['auto-alt-ref', '0']];
  return [['preset', preset], ['tune', 'zerolatency'], ['profile', 'baseline'], ['forced-idr', '1'], ['x264-params', 'scenecut=0:annexb=1']];
}
