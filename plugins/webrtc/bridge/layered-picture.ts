import { isSameFormat, type MediaPacket, type TrackDescriptor } from 'wcs-core';

/** A layer whose newest packet is older than another layer's by this much has gone silent; a still picture makes all of them pause together. */
export const SILENT_MS = 500;
/** How long a larger layer has to come before the picture goes back to it: each change is a change of format for those who don't know of layers. */
export const RETURN_MS = 2000;
/** What a picture comes after the last one of another layer, at least: the same picture may come in both. */
const STEP_US = 10_000;
/** A layer whose time is further behind has another clock, which no waiting mends. */
const BEHIND_MAX_US = 1_000_000;

interface Layer {
  readonly track: TrackDescriptor;
  /** Monotonic milliseconds of the newest packet, and since when it comes without a pause. */
  readonly lastMs: number;
  readonly sinceMs: number;
  readonly isAlive: boolean;
  readonly highestSequence: number;
}

/** The layer in use, and how its packets become those of the picture. */
interface Current {
  readonly layerId: string;
  readonly firstSequence: number;
  readonly sequenceOffset: number;
  /** No packet has a time before this one. */
  readonly earliestUs: number;
}

/** Plain data of a `LayeredPicture`. */
export interface LayeredPictureState {
  readonly layers: readonly Layer[];
  readonly current: Current | undefined;
  readonly track: TrackDescriptor | undefined;
  readonly nextSequence: number;
  readonly newestUs: number | undefined;
}

/**
 * One picture out of the layers of a simulcast publisher, for all who don't choose a layer themselves: the largest one
 * that comes. It changes at a key frame, and its sequence numbers and times go on.
 */
export class LayeredPicture {
  readonly #layers: Map<string, Layer>;
  #current: Current | undefined;
  #track: TrackDescriptor | undefined;
  #nextSequence: number;
  #newestUs: number | undefined;

  constructor(state?: LayeredPictureState) {
    this.#layers = new Map(state?.layers.map((layer) => [layer.track.id, layer]));
    this.#current = state?.current;
    this.#track = state?.track;
    this.#nextSequence = state?.nextSequence ?? 0;
    this.#newestUs = state?.newestUs;
  }

  exportState(): LayeredPictureState {
    return { layers: [...this.#layers.values()], current: this.#current, track: this.#track, nextSequence: this.#nextSequence, newestUs: this.#newestUs };
  }

  /** The picture, and after it the layers that come at present; empty before the first one. */
  get tracks(): readonly TrackDescriptor[] {
    const layers = [...this.#layers.values()].filter(({ isAlive }) => isAlive).map(({ track }) => track);
    return this.#track === undefined ? [] : [this.#track, ...layers];
  }

  /** The layer that the picture is made of, or will be at its next key frame. */
  wantedLayerId(nowMs: number): string | undefined {
    const current = this.#current === undefined ? undefined : this.#layers.get(this.#current.layerId);
    const hasCurrent = current?.isAlive === true;
    let wanted: Layer | undefined = hasCurrent ? current : undefined;
    for (const layer of this.#layers.values()) {
      const isSettled = !hasCurrent || nowMs - layer.sinceMs >= RETURN_MS;
      if (layer.isAlive && isSettled && (wanted === undefined || pixelsOf(layer.track) > pixelsOf(wanted.track))) wanted = layer;
    }
    return wanted?.track.id;
  }

  /** True while a key frame of the wanted layer is needed. */
  awaitsKeyFrame(nowMs: number): boolean {
    return this.wantedLayerId(nowMs) !== this.#current?.layerId;
  }

  /** Notes a packet of a layer as it comes; true when `tracks` has changed. */
  note({ track, sequence, receivedAtMs }: MediaPacket): boolean {
    const before = this.#layers.get(track.id);
    const isAlive = before?.isAlive === true;
    const highestSequence = Math.max(sequence, before?.highestSequence ?? sequence);
    this.#layers.set(track.id, { track, lastMs: receivedAtMs, sinceMs: isAlive ? before.sinceMs : receivedAtMs, isAlive: true, highestSequence });
    return !isAlive || before.track !== track;
  }

  /** Looks which layers have gone silent; true when `tracks` has changed. */
  noteSilence(): boolean {
    const newestMs = Math.max(...[...this.#layers.values()].map(({ lastMs }) => lastMs));
    let hasChanged = false;
    for (const [id, layer] of this.#layers) {
      if (!layer.isAlive || newestMs - layer.lastMs < SILENT_MS) continue;
      this.#layers.set(id, { ...layer, isAlive: false });
      hasChanged = true;
    }
    return hasChanged;
  }

  /** The picture's format, before its first packet: that of the largest layer so far. */
  begin(nowMs: number): void {
    const layer = this.#layers.get(this.wantedLayerId(nowMs) ?? '');
    if (layer !== undefined) this.#describe(layer.track);
  }

  /** The picture's packet that a noted packet of a layer makes; undefined for one of another layer than the picture's. */
  packet(packet: MediaPacket): MediaPacket | undefined {
    if (packet.track.id !== this.#current?.layerId) this.#changeTo(packet);
    const current = this.#current;
    if (packet.track.id !== current?.layerId || packet.sequence < current.firstSequence) return undefined;
    const track = this.#describe(packet.track);
    const sequence = packet.sequence + current.sequenceOffset;
    const ptsUs = Math.max(packet.ptsUs, current.earliestUs);
    this.#nextSequence = Math.max(this.#nextSequence, sequence + 1);
    this.#newestUs = Math.max(this.#newestUs ?? ptsUs, ptsUs);
    return { ...packet, track, sequence, ptsUs };
  }

  #changeTo({ track, key, sequence, ptsUs, receivedAtMs }: MediaPacket): void {
    if (!key || this.wantedLayerId(receivedAtMs) !== track.id) return;
    // Of a key frame whose beginning comes late the rest has gone by.
    const isNewest = sequence === this.#layers.get(track.id)?.highestSequence;
    if (this.#current !== undefined && !isNewest) return;
    const newestUs = this.#newestUs ?? -Infinity;
    const earliestUs = newestUs - ptsUs > BEHIND_MAX_US ? ptsUs : Math.max(ptsUs, newestUs + STEP_US);
    this.#current = { layerId: track.id, firstSequence: sequence, sequenceOffset: this.#nextSequence - sequence, earliestUs };
  }

  #describe(layer: TrackDescriptor): TrackDescriptor {
    const { layerOf, ...facts } = layer;
    const before = this.#track;
    const found = { ...facts, id: layerOf ?? layer.id, revision: (before?.revision ?? -1) + 1 };
    return (this.#track = before !== undefined && isSameFormat(found, before) ? before : found);
  }
}

function pixelsOf({ width = 0, height = 0 }: TrackDescriptor): number {
  return width * height;
}
