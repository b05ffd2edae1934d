import type { Codec, MediaKind } from './codecs.ts';

/** Immutable description of one track; a format change is a new descriptor of the same id with a greater revision. */
export interface TrackDescriptor {
  /** `video`, `audio`, `data`, or `video2`…: unique in the stream. */
  readonly id: string;
  readonly kind: MediaKind;
  readonly codec: Codec;
  readonly clockRateHz: number;
  /** Grows with each format change of the track. */
  readonly revision: number;
  /** Content of avcC, hvcC, av1C, vpcC or dOps, or the AudioSpecificConfig. */
  readonly codecConfig?: Uint8Array;
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly hasBFrames?: boolean;
  /** Id of the track whose picture this one carries in another size: only readers of packets that ask for layers get it. */
  readonly layerOf?: string;
}

/** True when both describe the same format of the same track, whatever their revisions say. */
export function isSameFormat(a: TrackDescriptor, b: TrackDescriptor | undefined): boolean {
  if (a === b) return true;
  if (b === undefined) return false;
  return areSameFacts(a, b) && areSameBytes(a.codecConfig, b.codecConfig);
}

/** True when the lists hold the same formats in the same order. */
export function areSameFormats(a: readonly TrackDescriptor[], b: readonly TrackDescriptor[]): boolean {
  return a.length === b.length && a.every((track, index) => isSameFormat(track, b[index]));
}

function areSameFacts(a: TrackDescriptor, b: TrackDescriptor): boolean {
  const same = a.id === b.id && a.kind === b.kind && a.codec === b.codec && a.clockRateHz === b.clockRateHz;
  const samePicture = a.width === b.width && a.height === b.height && a.hasBFrames === b.hasBFrames;
  return same && samePicture && a.layerOf === b.layerOf && a.sampleRateHz === b.sampleRateHz && a.channels === b.channels;
}

function areSameBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
