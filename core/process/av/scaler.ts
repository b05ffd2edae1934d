import { SoftwareScaleContext, type Frame } from 'node-av/lib';
import { AV_PIX_FMT_YUV420P, SWS_BICUBIC, type AVPixelFormat } from 'node-av/constants';
import { WcsError } from '../../errors/wcs-error.ts';
import { failure } from './native.ts';
import { newPicture } from './picture-frame.ts';

/** Brings pictures to one size and to YUV 4:2:0. */
export class Scaler {
  readonly #context = new SoftwareScaleContext();
  readonly #frame: Frame;
  readonly #width: number;
  readonly #height: number;
  #source = '';

  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#frame = newPicture(width, height);
  }

  /** The picture in the wanted size: the given one where it fits already, else the scaler's own, valid until the next call. */
  scale(frame: Frame): Frame {
    if (frame.width === this.#width && frame.height === this.#height && frame.format === AV_PIX_FMT_YUV420P) return frame;
    const source = `${frame.width} ${frame.height} ${frame.format}`;
    if (source !== this.#source) {
      if (this.#source !== '') this.#context.freeContext();
      this.#context.getContext(frame.width, frame.height, frame.format as AVPixelFormat, this.#width, this.#height, AV_PIX_FMT_YUV420P, SWS_BICUBIC);
      this.#source = source;
    }
    // An encoder may still hold the last one.
    if (this.#frame.makeWritable() < 0) throw new WcsError('MEDIA_E_PROCESSING', 'No memory for a picture');
    const code = this.#context.scaleFrameSync(this.#frame, frame);
    if (code < 0) throw failure('A picture could not be scaled', code);
    return this.#frame;
  }

  close(): void {
    if (this.#source !== '') this.#context.freeContext();
    this.#frame.free();
  }
}
