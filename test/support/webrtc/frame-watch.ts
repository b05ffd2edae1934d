import { startsKeyFrame } from './rtp-clip.ts';

/** Counts complete frames of an H.264 RTP stream in order, and key frames among them, without decoding anything. */
export class FrameWatch {
  frames = 0;
  keyFrames = 0;
  #timestamp = -1;
  #lastSequence = -1;
  #isWhole = false;
  #isKey = false;

  /** Takes the next packet of the stream, late ones included: they only break the frame that they are missing from. */
  onPacket(sequence: number, timestamp: number, marker: boolean, payload: Uint8Array): void {
    const follows = this.#lastSequence === -1 || sequence === this.#lastSequence + 1;
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp;
      this.#isWhole = follows;
      this.#isKey = false;
    } else if (!follows) this.#isWhole = false;
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    if (startsKeyFrame(payload)) this.#isKey = true;
    if (!marker || !this.#isWhole) return;
    this.frames++;
    if (this.#isKey) this.keyFrames++;
  }
}
