import { WcsError } from 'wcs-core';
import type { PictureRequest } from '../wire/picture.ts';

/** A back end: makes pictures out of key frames, outside of this process. */
export interface PictureMaker {
  readonly name: string;
  /** Why it cannot be used here; undefined when it can. */
  unavailable(): Promise<string | undefined>;
  /** @throws WcsError MEDIA_E_NO_PICTURE, or the reason of the signal */
  make(request: PictureRequest, signal: AbortSignal): Promise<Uint8Array>;
}

/** The first of several back ends that is there, found out at the first picture. */
export class FirstAvailable {
  readonly #makers: readonly PictureMaker[];
  #chosen: Promise<PictureMaker> | undefined;

  constructor(makers: readonly PictureMaker[]) {
    this.#makers = makers;
  }

  /** @throws WcsError MEDIA_E_NO_DECODER saying what each of them lacks; asked again at the next picture */
  async make(request: PictureRequest, signal: AbortSignal): Promise<Uint8Array> {
    this.#chosen ??= this.#choose();
    let maker: PictureMaker;
    try {
      maker = await this.#chosen;
    } catch (error) {
      this.#chosen = undefined;
      throw error;
    }
    signal.throwIfAborted();
    return maker.make(request, signal);
  }

  async #choose(): Promise<PictureMaker> {
    const reasons: string[] = [];
    for (const maker of this.#makers) {
      const reason = await maker.unavailable();
      if (reason === undefined) return maker;
      reasons.push(`${maker.name}: ${reason}`);
    }
    throw new WcsError('MEDIA_E_NO_DECODER', `No decoder makes pictures here (${reasons.join('; ')}). Install ffmpeg, or the npm package node-av.`);
  }
}
