import { messageOf, WcsError } from 'wcs-core';
import type { ChildPool } from 'wcs-core/process/child-pool';
import type { PictureRequest, PictureWish } from '../wire/picture.ts';
import type { PictureMaker } from './picture-maker.ts';

/** What the child is told when it opens a job; the key frame follows as a packet. */
export type PictureJob = { readonly type: 'probe' } | ({ readonly type: 'picture'; readonly codec: PictureRequest['codec'] } & PictureWish);

/** Makes pictures by FFmpeg's libraries (node-av) in a child process that stays for the next one. */
export class NodeAvPictures implements PictureMaker {
  readonly name = 'node-av';
  readonly #pool: Pick<ChildPool, 'run'>;

  constructor(pool: Pick<ChildPool, 'run'>) {
    this.#pool = pool;
  }

  async unavailable(): Promise<string | undefined> {
    try {
      await this.#pool.run({ type: 'probe' } satisfies PictureJob, []);
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async make({ codec, keyFrame, format, width }: PictureRequest, signal: AbortSignal): Promise<Uint8Array> {
    const job: PictureJob = { type: 'picture', codec, format, ...(width === undefined ? {} : { width }) };
    const packet = { port: 0, key: true, ptsUs: 0, dtsUs: 0, stampMs: 0, data: keyFrame };
    try {
      const [picture] = await this.#pool.run(job, [packet], signal);
      // A copy: the view keeps alive all that came through the pipe with it.
      if (picture !== undefined) return picture.data.slice();
    } catch (error) {
      signal.throwIfAborted();
      throw new WcsError('MEDIA_E_NO_PICTURE', `The key frame could not be decoded: ${messageOf(error)}`, { cause: error });
    }
    throw new WcsError('MEDIA_E_NO_PICTURE', 'The key frame could not be decoded.');
  }
}
