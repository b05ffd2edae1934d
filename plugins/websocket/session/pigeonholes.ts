/** How much pigeonholes hold. */
export interface PigeonholeLimits {
  readonly maxHoles: number;
  readonly maxItemsPerHole: number;
}

/** Keeps what came for somebody who isn't here yet, in order and bounded; what comes beyond is lost. */
export class Pigeonholes<T> {
  readonly #limits: PigeonholeLimits;
  readonly #holes = new Map<string, T[]>();

  constructor(limits: PigeonholeLimits) {
    this.#limits = limits;
  }

  put(name: string, item: T): void {
    const hole = this.#holes.get(name);
    if (hole === undefined) {
      if (this.#holes.size < this.#limits.maxHoles) this.#holes.set(name, [item]);
    } else if (hole.length < this.#limits.maxItemsPerHole) hole.push(item);
  }

  /** Hands over and forgets. */
  take(name: string): readonly T[] {
    const items = this.#holes.get(name) ?? [];
    this.#holes.delete(name);
    return items;
  }

  clear(): void {
    this.#holes.clear();
  }
}
