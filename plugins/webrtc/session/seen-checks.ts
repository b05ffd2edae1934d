/** At one check in 2.5 s, as browsers send them, these are the last ten minutes. */
export const SEEN_CHECKS = 256;

/**
 * The last transaction ids of one peer's valid checks, each by its first 32 bits. A check has no other mark of its
 * time: whoever overheard one could send it again from his own address, and have the media sent there.
 */
export class SeenChecks {
  readonly #ids: Uint32Array;
  #next: number;

  /** @param state of another one, to go on with */
  constructor(state: { readonly ids: Uint32Array; readonly next: number } = { ids: new Uint32Array(SEEN_CHECKS), next: 0 }) {
    this.#ids = Uint32Array.from(state.ids.subarray(0, SEEN_CHECKS));
    this.#next = state.next;
  }

  /** True when a check with this transaction id came before, or one that looks the same. */
  has(transactionId: Buffer): boolean {
    return this.#ids.subarray(0, Math.min(this.#next, SEEN_CHECKS)).includes(transactionId.readUInt32BE(0));
  }

  add(transactionId: Buffer): void {
    this.#ids[this.#next % SEEN_CHECKS] = transactionId.readUInt32BE(0);
    this.#next++;
  }

  /** As plain data. */
  state(): { readonly ids: Uint32Array; readonly next: number } {
    return { ids: Uint32Array.from(this.#ids), next: this.#next };
  }
}
