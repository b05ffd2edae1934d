import type { PacketUnit } from './packet-line.ts';

/** Units kept at most for readers that join. */
const UNITS_MAX = 1200;
const BYTES_MAX = 16 * 1024 * 1024;
/** Span of sound kept of a stream without pictures. */
const SOUND_SPAN_US = 1_000_000;

/** What a reader that joins gets first: everything since the last key frame, written out once for all who join. */
export class UnitCache {
  readonly #write: (unit: PacketUnit) => Uint8Array;
  readonly #hasVideo: boolean;
  #units: PacketUnit[] = [];
  #bytes = 0;
  #isOpen: boolean;
  #written: Uint8Array[] = [];

  constructor(hasVideo: boolean, write: (unit: PacketUnit) => Uint8Array, units: readonly PacketUnit[] = []) {
    this.#write = write;
    this.#hasVideo = hasVideo;
    this.#isOpen = units.length > 0;
    for (const unit of units) this.#append(unit);
  }

  /** In order of arrival. */
  get units(): readonly PacketUnit[] {
    return this.#units;
  }

  push(unit: PacketUnit): void {
    if (this.#hasVideo) {
      // The second part of a key frame that came in two doesn't begin another.
      const begins = unit.track.kind === 'video' && unit.key && this.#units.find(({ track }) => track.kind === 'video')?.ptsUs !== unit.ptsUs;
      if (begins) {
        this.clear();
        this.#isOpen = true;
      }
      if (!this.#isOpen) return;
      this.#append(unit);
      if (this.#units.length > UNITS_MAX || this.#bytes > BYTES_MAX) this.clear();
      return;
    }
    this.#append(unit);
    this.#written = [];
    while ((this.#units[0]?.ptsUs ?? Infinity) < unit.ptsUs - SOUND_SPAN_US) this.#units.shift();
  }

  /** The units as bytes; shared by all who ask. */
  bytes(): readonly Uint8Array[] {
    for (const unit of this.#units.slice(this.#written.length)) this.#written.push(this.#write(unit));
    return [...this.#written];
  }

  clear(): void {
    this.#units = [];
    this.#written = [];
    this.#bytes = 0;
    this.#isOpen = false;
  }

  #append(unit: PacketUnit): void {
    this.#units.push(unit);
    for (const { rtp } of unit.packets) this.#bytes += rtp.length;
  }
}
