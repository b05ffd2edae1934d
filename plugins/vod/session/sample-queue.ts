import type { PlacedSample } from './playback-clock.ts';

/** Samples read ahead: a row for each track, from which the earliest is taken, since files mix their tracks as they like. */
export class SampleQueue {
  readonly #rows: PlacedSample[][];
  /** Places of the rows' first samples: taken ones are forgotten together. */
  readonly #heads: number[];
  #newestUs = -Infinity;

  constructor(trackCount: number, samples: readonly PlacedSample[] = []) {
    this.#rows = Array.from({ length: trackCount }, () => []);
    this.#heads = this.#rows.map(() => 0);
    for (const sample of samples) this.push(sample);
  }

  /** Decoding time of the newest sample, on the stream's clock; -Infinity when nothing is queued. */
  get newestUs(): number {
    return this.isEmpty ? -Infinity : this.#newestUs;
  }

  get isEmpty(): boolean {
    return this.#rows.every((row, index) => row.length === this.#heads[index]);
  }

  push(sample: PlacedSample): void {
    this.#rows[sample.track]?.push(sample);
    this.#newestUs = Math.max(this.#newestUs, sample.dtsUs);
  }

  /** The sample that is decoded first; undefined when there is none. */
  peek(): PlacedSample | undefined {
    let earliest: PlacedSample | undefined;
    for (let index = 0; index < this.#rows.length; index += 1) {
      const head = this.#rows[index]?.[this.#heads[index] ?? 0];
      if (head !== undefined && (earliest === undefined || head.dtsUs < earliest.dtsUs)) earliest = head;
    }
    return earliest;
  }

  /** Takes away what `peek` gave. */
  drop({ track }: PlacedSample): void {
    const row = this.#rows[track];
    if (row === undefined) return;
    const head = (this.#heads[track] ?? 0) + 1;
    const isLong = head * 2 > row.length;
    if (isLong) row.splice(0, head);
    this.#heads[track] = isLong ? 0 : head;
  }

  clear(): void {
    for (const row of this.#rows) row.length = 0;
    this.#heads.fill(0);
    this.#newestUs = -Infinity;
  }

  list(): readonly PlacedSample[] {
    return this.#rows.flatMap((row, index) => row.slice(this.#heads[index]));
  }
}
