import { startsKeyFrame } from './rtp-clip.ts';

const START_CODE = Uint8Array.of(0, 0, 0, 1);
const NAL_STAP_A = 24;
const NAL_FU_A = 28;

/** Puts H.264 frames together from RTP payloads that arrive in order, as an Annex B stream. A frame with a hole is left out. @see RFC 6184 */
export class FrameAssembly {
  /** Whole frames, in order. */
  readonly frames: { readonly key: boolean; readonly annexB: Buffer }[] = [];
  /** Frames that packets were missing from. */
  broken = 0;
  #parts: Uint8Array[] = [];
  #timestamp = -1;
  #lastSequence = -1;
  #isWhole = false;
  #isKey = false;

  onPacket(sequence: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const follows = this.#lastSequence === -1 || sequence === (this.#lastSequence + 1) % 65_536;
    this.#lastSequence = sequence;
    if (timestamp !== this.#timestamp) {
      if (this.#parts.length > 0) this.broken++;
      this.#parts = [];
      this.#timestamp = timestamp;
      this.#isWhole = follows;
      this.#isKey = false;
    } else if (!follows) this.#isWhole = false;
    this.#isKey ||= startsKeyFrame(payload);
    this.#take(payload);
    if (!marker) return;
    if (this.#isWhole) this.frames.push({ key: this.#isKey, annexB: Buffer.concat(this.#parts) });
    else this.broken++;
    this.#parts = [];
  }

  #take(payload: Uint8Array): void {
    const [first = 0, second = 0] = payload;
    const type = first & 0x1f;
    if (type === NAL_STAP_A) {
      for (let at = 1; at + 2 < payload.length; ) {
        const length = ((payload[at] ?? 0) << 8) | (payload[at + 1] ?? 0);
        this.#parts.push(START_CODE, payload.subarray(at + 2, at + 2 + length));
        at += 2 + length;
      }
    } else if (type === NAL_FU_A) {
      if ((second & 0x80) !== 0) this.#parts.push(START_CODE, Uint8Array.of((first & 0xe0) | (second & 0x1f)));
      this.#parts.push(payload.subarray(2));
    } else this.#parts.push(START_CODE, payload);
  }
}
