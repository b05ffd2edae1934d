/** A step of more packets than this is a new sequence of the publisher, not loss or reordering. */
export const STEP_MAX = 1000;
/** Numbers remembered as taken: more than `STEP_MAX`, since what is further back begins a new sequence. A power of two. */
const REMEMBERED = 1024;
/** The step at a change of format that still goes on with the old sequence: some packets lost at most. */
const FORMAT_STEP_MAX = 64;

/**
 * Turns the sequence numbers of one publisher after another into one sequence that goes on without a jump. Holes and
 * reordering stay, so that late packets find their place. A number is given to one packet only, whatever a publisher sends
 * twice: two packets under one number and one key would give the key stream away. @see RFC 7714 section 8.4
 */
export class SequenceSpace {
  #offset: number | undefined;
  #highestSource = 0;
  /** One more than the highest number given out. */
  #next = 0;
  /** Numbers below this belong to what was before: nothing new may take them. */
  #floor = 0;
  readonly #taken = new Float64Array(REMEMBERED).fill(-1);
  #formatChanges = false;

  /** The number that comes next when nothing is lost. */
  get next(): number {
    return this.#next;
  }

  /** The place of a packet; undefined for one that comes too late or again. */
  place(source: number): number | undefined {
    const step = source - this.#highestSource;
    const mayBe = this.#formatChanges ? step > 0 && step <= FORMAT_STEP_MAX : Math.abs(step) <= STEP_MAX;
    this.#formatChanges = false;
    if (this.#offset === undefined || !mayBe) this.#begin(source);
    else if (step > 0) this.#highestSource = source;
    const sequence = source + (this.#offset ?? 0);
    const slot = sequence & (REMEMBERED - 1);
    if (sequence < this.#floor || this.#taken[slot] === sequence) return undefined;
    this.#taken[slot] = sequence;
    this.#next = Math.max(this.#next, sequence + 1);
    return sequence;
  }

  /** The next packet begins a new sequence of the publisher. */
  restart(): void {
    this.#offset = undefined;
  }

  /** The next packet is of a new format: the publisher goes on counting, or what makes packets of its frames begins anew. */
  changeFormat(): void {
    this.#formatChanges = true;
  }

  /** What comes below that number from now on is too late: somebody has used its numbers for something else. */
  setFloor(sequence: number): void {
    this.#floor = Math.max(this.#floor, sequence);
  }

  #begin(source: number): void {
    this.#offset = this.#next - source;
    this.#highestSource = source;
    this.setFloor(this.#next);
  }
}
