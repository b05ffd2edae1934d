/** How long a viewer has to be short of what it gets before it gets a smaller layer. */
export const SHORT_MS = 3000;
/** Share of lost packets from which on a viewer is short. */
export const LOSS_MAX = 0.1;
/** How long a viewer has to be well before a larger layer is tried; doubled each time that this was too much, within bounds. */
export const RISE_MS = 8000;
export const RISE_MAX_MS = 64_000;
/** A viewer that is short this soon after it got a larger layer is so because of it. */
export const TRIAL_MS = 10_000;
/** A greater estimate than before by this factor is a rise. */
const RISE_RATIO = 1.01;
/** How far the bitrate of a layer that is sent already may be above the wish: it is never quite the same. */
const WISH_TOLERANCE = 1.25;

/** What a viewer asks for when it joins. */
export interface PictureWish {
  readonly maxWidth?: number | undefined;
  readonly maxHeight?: number | undefined;
  readonly maxBitrateBps?: number | undefined;
}

/** One size in which the picture comes; several may be the same size. */
export interface OfferedLayer {
  readonly id: string;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Undefined where it isn't known. */
  readonly bitrateBps?: number | undefined;
}

/** Plain data of a `LayerChoice`; times are ages in milliseconds at the time of the export. */
export interface LayerChoiceState {
  readonly ceiling: number | undefined;
  readonly riseWaitMs: number;
}

/**
 * Chooses a layer for one viewer: the largest within its wish that it can take. It goes down when the viewer loses more
 * than a tenth, or estimates less than the layer's bitrate without rising, for three seconds; and up again when all has been
 * well for a while. A receiver's estimate never grows much beyond what it gets, so that only trying tells whether more would do.
 *
 * @see draft-alvestrand-rmcat-remb-03
 */
export class LayerChoice {
  readonly #wish: PictureWish;
  /** Pixels of the largest layer that the viewer can take; undefined: any. */
  #ceiling: number | undefined;
  #riseWaitMs: number;
  #wellSinceMs: number | undefined;
  /** When a larger layer was tried; undefined once that failed. */
  #roseAtMs: number | undefined;
  #lossSinceMs: number | undefined;
  #estimate: { readonly bps: number; readonly roseAtMs: number } | undefined;

  constructor(wish: PictureWish, state?: LayerChoiceState) {
    this.#wish = wish;
    this.#ceiling = state?.ceiling;
    this.#riseWaitMs = state?.riseWaitMs ?? RISE_MS;
  }

  exportState(): LayerChoiceState {
    return { ceiling: this.#ceiling, riseWaitMs: this.#riseWaitMs };
  }

  /** Id of the layer to send: of those of the best size the present one, else the first; undefined where there is none. */
  choose(layers: readonly OfferedLayer[], presentId: string | undefined): string | undefined {
    const best = this.#best(layers, presentId);
    const equals = layers.filter((layer) => best !== undefined && pixelsOf(layer) === pixelsOf(best));
    return (equals.find(({ id }) => id === presentId) ?? equals[0])?.id;
  }

  /** The most that the viewer believes it can take. */
  noteEstimate(bps: number, nowMs: number): void {
    const before = this.#estimate;
    const hasRisen = before === undefined || bps > before.bps * RISE_RATIO;
    this.#estimate = { bps, roseAtMs: hasRisen ? nowMs : before.roseAtMs };
  }

  /** @param fraction of the packets since the last report, 0 to 1 */
  noteLoss(fraction: number, nowMs: number): void {
    if (fraction <= LOSS_MAX) this.#lossSinceMs = undefined;
    else this.#lossSinceMs ??= nowMs;
  }

  /** Looks whether the viewer is well; called about once a second with what is offered now, and what `choose` chose last. */
  tick(layers: readonly OfferedLayer[], presentId: string | undefined, nowMs: number): void {
    const present = this.#best(layers, presentId);
    if (present === undefined) return;
    if (this.#isShort(present, nowMs)) {
      this.#fall(present, layers, nowMs);
      return;
    }
    this.#wellSinceMs ??= nowMs;
    if (this.#roseAtMs !== undefined && nowMs - this.#roseAtMs >= RISE_MAX_MS) this.#riseWaitMs = RISE_MS;
    if (this.#ceiling !== undefined && nowMs - this.#wellSinceMs >= this.#riseWaitMs) this.#rise(present, layers, presentId, nowMs);
  }

  #isShort({ bitrateBps = 0 }: OfferedLayer, nowMs: number): boolean {
    if (this.#lossSinceMs !== undefined && nowMs - this.#lossSinceMs >= SHORT_MS) return true;
    const estimate = this.#estimate;
    return estimate !== undefined && estimate.bps < bitrateBps && nowMs - estimate.roseAtMs >= SHORT_MS;
  }

  #fall(present: OfferedLayer, layers: readonly OfferedLayer[], nowMs: number): void {
    if (this.#roseAtMs !== undefined && nowMs - this.#roseAtMs < TRIAL_MS) this.#riseWaitMs = Math.min(this.#riseWaitMs * 2, RISE_MAX_MS);
    const [smaller] = layers.filter((layer) => pixelsOf(layer) > 0 && pixelsOf(layer) < pixelsOf(present)).sort(largestFirst);
    if (smaller !== undefined) this.#ceiling = pixelsOf(smaller);
    this.#roseAtMs = this.#wellSinceMs = this.#lossSinceMs = this.#estimate = undefined;
  }

  #rise(present: OfferedLayer, layers: readonly OfferedLayer[], presentId: string | undefined, nowMs: number): void {
    const larger = layers.filter((layer) => pixelsOf(layer) > pixelsOf(present) && this.#isWished(layer, presentId)).sort(largestFirst).at(-1);
    this.#ceiling = larger === undefined ? undefined : pixelsOf(larger);
    if (larger === undefined) return;
    this.#roseAtMs = nowMs;
    this.#wellSinceMs = this.#estimate = undefined;
  }

  #best(layers: readonly OfferedLayer[], presentId: string | undefined): OfferedLayer | undefined {
    const known = layers.filter((layer) => pixelsOf(layer) > 0).sort(largestFirst);
    const fits = known.find((layer) => pixelsOf(layer) <= (this.#ceiling ?? Infinity) && this.#isWished(layer, presentId));
    return fits ?? known.at(-1) ?? layers[0];
  }

  #isWished({ id, width = 0, height = 0, bitrateBps = 0 }: OfferedLayer, presentId: string | undefined): boolean {
    const { maxWidth = Infinity, maxHeight = Infinity, maxBitrateBps = Infinity } = this.#wish;
    return width <= maxWidth && height <= maxHeight && bitrateBps <= maxBitrateBps * (id === presentId ? WISH_TOLERANCE : 1);
  }
}

function pixelsOf({ width = 0, height = 0 }: OfferedLayer): number {
  return width * height;
}

function largestFirst(a: OfferedLayer, b: OfferedLayer): number {
  return pixelsOf(b) - pixelsOf(a);
}
