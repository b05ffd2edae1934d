import type { DepacketiserCounters, PayloadDepacketiser, UnitSink } from './payload-format.ts';
import { UnitBuffer } from './unit-buffer.ts';

/** What one format adds to the putting together of units of several packets. */
export interface UnitAssembler {
  /**
   * Whether a unit surely begins with this payload, although packets before it are missing.
   *
   * @param joined true while nothing of the stream was seen, so that what is missing was never asked for
   */
  begins(payload: Uint8Array, joined: boolean): boolean;
  /** Forgets all of the unit before. */
  reset(): void;
  /** Appends a payload to the unit; false when it breaks its format or doesn't fit to what came before. */
  append(payload: Uint8Array, unit: UnitBuffer): boolean;
  /** Ends the unit; undefined when it is incomplete, false when there is nothing in it to emit. */
  end(unit: UnitBuffer): { readonly key: boolean } | false | undefined;
}

/**
 * Finds the bounds of units by timestamp and marker, for formats whose units have several packets, and drops those with a hole:
 * a unit is emitted only when each of its packets was there.
 */
export class UnitDepacketiser implements PayloadDepacketiser {
  readonly #assembler: UnitAssembler;
  readonly #emit: UnitSink;
  readonly #unit = new UnitBuffer();
  readonly #counters = { units: 0, damaged: 0, malformed: 0 };
  #state: 'idle' | 'open' | 'damaged' = 'idle';
  #timestamp = 0;
  /** Packets are missing since the last one that had a payload. */
  #gap = false;
  #joined = true;

  constructor(assembler: UnitAssembler, emit: UnitSink) {
    this.#assembler = assembler;
    this.#emit = emit;
  }

  get counters(): DepacketiserCounters {
    return this.#counters;
  }

  push(payload: Uint8Array, timestamp: number, marker: boolean, lost: boolean): void {
    this.#gap ||= lost;
    if (payload.length === 0) return;
    const gap = this.#gap;
    this.#gap = false;
    if (this.#state === 'open' && gap) this.#damage();
    // A sender that sets no markers ends a unit by beginning the next.
    if (this.#state !== 'idle' && timestamp !== this.#timestamp) this.#end();
    if (this.#state === 'idle') this.#begin(payload, timestamp, gap);
    this.#joined = false;
    if (this.#state === 'open' && !this.#assembler.append(payload, this.#unit)) {
      this.#counters.malformed++;
      this.#damage();
    }
    if (marker) this.#end();
  }

  #begin(payload: Uint8Array, timestamp: number, gap: boolean): void {
    this.#timestamp = timestamp;
    this.#assembler.reset();
    this.#unit.clear();
    this.#state = 'open';
    if (gap && !this.#assembler.begins(payload, this.#joined)) this.#damage();
  }

  #damage(): void {
    this.#state = 'damaged';
    this.#counters.damaged++;
  }

  #end(): void {
    const wasOpen = this.#state === 'open';
    this.#state = 'idle';
    if (!wasOpen) return;
    const ended = this.#assembler.end(this.#unit);
    if (ended === undefined) this.#counters.damaged++;
    else if (ended !== false) {
      this.#counters.units++;
      this.#emit({ data: this.#unit.toBytes(), key: ended.key, timestamp: this.#timestamp });
    }
  }
}
