import { drawCaption, type CaptionStyle } from 'wcs-core/process/av/caption';
import { decodeStill, type StillPicture } from 'wcs-core/process/av/still-picture';
import type { Decoration } from '../wire/mix-job.ts';

type Size = { readonly width: number; readonly height: number };

/** What stands on the place of an input, or instead of its picture. Drawn once for each size, not for each picture. */
export class Decor {
  readonly #onTrouble: (reason: string) => void;
  #label: string | undefined;
  #avatar: Buffer | undefined;
  #watermark: Buffer | undefined;
  readonly #drawn = new Map<string, StillPicture | undefined>();

  /** @param onTrouble told once of each picture or font that can't be used */
  constructor(onTrouble: (reason: string) => void) {
    this.#onTrouble = onTrouble;
  }

  /** True where an input without pictures gets a place for this. */
  get standsAlone(): boolean {
    return this.#label !== undefined || this.#avatar !== undefined;
  }

  set({ label, avatar, watermark }: Decoration): void {
    this.#label = label === '' ? undefined : label;
    this.#avatar = avatar === undefined ? undefined : Buffer.from(avatar, 'base64');
    this.#watermark = watermark === undefined ? undefined : Buffer.from(watermark, 'base64');
    this.#drawn.clear();
  }

  caption(style: CaptionStyle): StillPicture | undefined {
    const label = this.#label;
    return label === undefined ? undefined : this.#once(`caption ${style.sizePx} ${style.maxWidth}`, () => drawCaption(label, style));
  }

  avatar(place: Size): StillPicture | undefined {
    const file = this.#avatar;
    return file === undefined ? undefined : this.#once(`avatar ${place.width}x${place.height}`, () => decodeStill(file, place, 'contain'));
  }

  watermark(place: Size): StillPicture | undefined {
    const file = this.#watermark;
    return file === undefined ? undefined : this.#once(`watermark ${place.width}x${place.height}`, () => decodeStill(file, place, 'within'));
  }

  #once(key: string, draw: () => StillPicture): StillPicture | undefined {
    if (this.#drawn.has(key)) return this.#drawn.get(key);
    const still = orTrouble(draw, this.#onTrouble);
    this.#drawn.set(key, still);
    return still;
  }
}

/** A picture that can't be used is left out: the mix goes on. */
export function orTrouble(draw: () => StillPicture, onTrouble: (reason: string) => void): StillPicture | undefined {
  try {
    return draw();
  } catch (error) {
    onTrouble(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
