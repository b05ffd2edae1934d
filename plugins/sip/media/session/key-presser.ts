import type { ScopedTimers } from 'wcs-core';
import { encodeRtp } from 'wcs-core/rtp/packet';
import { telephoneEventPackets, type TelephoneEventPacket } from 'wcs-core/rtp/payload/telephone-event';

/** How long a key is pressed, how often that is said, and how long nothing is pressed after it. @see RFC 4733 section 2.5 */
const KEY_MS = 120;
const STEP_MS = 20;
const GAP_MS = 60;
/** Keys that wait to be pressed. */
const KEYS_MAX = 128;

/** What key events go out under. */
export interface KeyFormat {
  readonly ssrc: number;
  readonly payloadType: number;
  readonly clockRateHz: number;
}

/** What pressing needs of the line. */
export interface KeyHost {
  readonly timers: ScopedTimers;
  /** Sound stops; the answer is the number and the time of the first packet. */
  begin(): { readonly sequence: number; readonly timestamp: number };
  send(rtp: Uint8Array, sequence: number): void;
  /** Sound may go on, from that number. */
  end(nextSequence: number): void;
}

/** Presses keys one after the other, in place of the sound. @see RFC 4733 */
export class KeyPresser {
  readonly #host: KeyHost;
  #keys: string[] = [];
  #busy = false;

  constructor(host: KeyHost) {
    this.#host = host;
  }

  /** True while a key is pressed: sound has to wait. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Presses the keys of a text; what is no key is left out. */
  press(text: string, format: KeyFormat): void {
    const keys = text.toUpperCase().match(/[0-9A-D*#]/g) ?? [];
    this.#keys = [...this.#keys, ...keys].slice(0, KEYS_MAX);
    if (!this.#busy) this.#next(format);
  }

  #next(format: KeyFormat): void {
    const [key, ...rest] = this.#keys;
    if (key === undefined) return;
    this.#keys = rest;
    this.#busy = true;
    const ticksOf = (ms: number): number => (format.clockRateHz * ms) / 1000;
    const { sequence, timestamp } = this.#host.begin();
    this.#step(telephoneEventPackets(key, ticksOf(KEY_MS), ticksOf(STEP_MS)), sequence, timestamp, format);
  }

  #step([packet, ...rest]: readonly TelephoneEventPacket[], sequence: number, timestamp: number, format: KeyFormat): void {
    if (packet === undefined) {
      this.#busy = false;
      this.#host.end(sequence);
      this.#host.timers.after(GAP_MS, () => {
        if (!this.#busy) this.#next(format);
      });
      return;
    }
    const { ssrc, payloadType } = format;
    const { marker, payload } = packet;
    this.#host.send(encodeRtp({ payloadType, marker, sequenceNumber: sequence & 0xffff, timestamp, ssrc, payload }), sequence);
    this.#host.timers.after(STEP_MS, () => this.#step(rest, sequence + 1, timestamp, format));
  }
}
