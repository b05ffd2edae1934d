/** Transit times that are looked back on. */
const TRANSITS = 250;

/** The last transit times, by age and by size: sorting them anew for each input of a mix would cost more than mixing. */
export class Transits {
  readonly #byAge = new Float64Array(TRANSITS);
  readonly #bySize = new Float64Array(TRANSITS);
  #count = 0;
  #newest = 0;

  /** Times that are known. */
  get size(): number {
    return this.#count;
  }

  get fastest(): number {
    return this.#bySize[0] ?? 0;
  }

  /** The one that is larger than a share of all. */
  percentile(share: number): number {
    return this.#bySize[Math.floor((this.#count - 1) * share)] ?? 0;
  }

  add(transit: number): void {
    this.#newest = (this.#newest + 1) % TRANSITS;
    if (this.#count === TRANSITS) this.#remove(this.#byAge[this.#newest] ?? 0);
    const at = this.#placeOf(transit);
    this.#bySize.copyWithin(at + 1, at, this.#count);
    this.#bySize[at] = transit;
    this.#byAge[this.#newest] = transit;
    this.#count += 1;
  }

  /** Forgets all but the newest. */
  restart(): void {
    const newest = this.#byAge[this.#newest] ?? 0;
    this.#count = 0;
    this.add(newest);
  }

  #remove(transit: number): void {
    const at = this.#placeOf(transit);
    this.#bySize.copyWithin(at, at + 1, this.#count);
    this.#count -= 1;
  }

  /** Index of the first that is not smaller. */
  #placeOf(transit: number): number {
    let [low, high] = [0, this.#count];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#bySize[middle] ?? 0) < transit) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
