/** Sequence numbers of one stream as they arrive. */
export class Sequences {
  ssrc = 0;
  received = 0;
  reported = 0;
  highest = -1;
  #base = -1;

  /** Gives the extended sequence number. */
  take(sequence: number): number {
    if (this.#base === -1) {
      this.#base = sequence;
      this.highest = sequence;
    }
    let extended = this.highest - (this.highest % 65_536) + sequence;
    if (extended - this.highest > 32_768) extended -= 65_536;
    else if (this.highest - extended > 32_768) extended += 65_536;
    this.highest = Math.max(this.highest, extended);
    this.received++;
    return extended;
  }

  get expected(): number {
    return this.#base === -1 ? 0 : this.highest - this.#base + 1;
  }
}
