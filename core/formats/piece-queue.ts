/**
 * Bytes that come in pieces of any length, to be taken from the front. They are joined only when somebody wants more of them
 * than the first piece has and all those are there: so a long run that comes in small pieces is copied once.
 */
export class PieceQueue {
  #pieces: Buffer[] = [];
  #length = 0;

  push(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** All bytes that are held. */
  get length(): number {
    return this.#length;
  }

  /** At least the first `count` bytes, one or more, as one view; undefined while fewer are held. */
  peek(count: number): Buffer | undefined {
    if (this.#length < count) return undefined;
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= count) return first;
    const joined = Buffer.concat(this.#pieces, this.#length);
    this.#pieces = [joined];
    return joined;
  }

  /** Takes the first bytes away, at most `count`; answers how many they were. */
  skip(count: number): number {
    let left = Math.min(count, this.#length);
    const skipped = left;
    this.#length -= skipped;
    let whole = 0;
    for (let piece = this.#pieces[whole]; piece !== undefined && left >= piece.length; piece = this.#pieces[++whole]) left -= piece.length;
    if (whole > 0) this.#pieces.splice(0, whole);
    const [first] = this.#pieces;
    if (left > 0 && first !== undefined) this.#pieces[0] = first.subarray(left);
    return skipped;
  }
}
