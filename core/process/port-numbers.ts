/**
 * Gives out numbers of a range, and one that is free again as late as it can: what a child process sent before it heard of
 * the end of one port must not pass for what another one gets.
 */
export class PortNumbers {
  readonly #first: number;
  readonly #last: number;
  #given: number;

  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#given = first - 1;
  }

  /** @param isUsed whether somebody has the number; not all of the range may be used */
  next(isUsed: (port: number) => boolean): number {
    do {
      this.#given = this.#given >= this.#last ? this.#first : this.#given + 1;
    } while (isUsed(this.#given));
    return this.#given;
  }
}
