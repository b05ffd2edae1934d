import type { Codec } from 'wcs-core';

/** The track that a chain decodes; plain data. */
export interface ChainInput {
  readonly kind: 'audio' | 'video';
  readonly codec: Codec;
  /** Base 64. */
  readonly codecConfig?: string;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly frameRate?: number;
  readonly width?: number;
  readonly height?: number;
}

/** Pictures that a chain makes. */
export interface VideoOutputSpec {
  readonly kind: 'video';
  readonly codec: 'h264' | 'vp8';
  /** Most of each; the picture keeps its shape and is never made larger. */
  readonly maxWidth?: number;
  readonly maxHeight?: number;
  /** Pictures a second at most. */
  readonly frameRate?: number;
  /** By default what the size deserves. */
  readonly bitrateBps?: number;
  /** Key frames at the first picture after each multiple of this on the stream's clock. */
  readonly keyFrameIntervalUs: number;
  readonly preset: string;
  /** Clockwise; the largest sides are those of what comes out. */
  readonly rotationDegrees?: 90 | 180 | 270;
  /** Absolute path of a PNG or JPEG file that stands at the upper left corner, in its own size unless it is larger. */
  readonly watermarkFile?: string;
}

/** Sound that a chain makes. */
export interface AudioOutputSpec {
  readonly kind: 'audio';
  readonly codec: Codec;
  readonly sampleRateHz?: number;
  readonly channels?: number;
  readonly bitrateBps?: number;
  /** Of Opus, 0 to 10. */
  readonly opusComplexity?: number;
}

/** One track that a chain makes. */
export type OutputSpec = VideoOutputSpec | AudioOutputSpec;

/** What a chain says of a track that it makes, before its first packet and at each change. */
export interface OutputFormat {
  readonly codec: Codec;
  /** Base 64. */
  readonly codecConfig?: string;
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
  readonly sampleRateHz?: number;
  readonly channels?: number;
}

/** How a job of a child is opened. */
export type JobSpec = { readonly type: 'chain'; readonly input: ChainInput } | { readonly type: 'probe' };

/** What a chain is told while it runs, in order with its packets. */
export type ChainCommand =
  | { readonly type: 'input'; readonly input: ChainInput }
  | { readonly type: 'addOutput'; readonly port: number; readonly output: OutputSpec }
  | { readonly type: 'removeOutput'; readonly port: number }
  | { readonly type: 'keyFrame' }
  | { readonly type: 'bitrate'; readonly port: number; readonly bitrateBps: number };

/** What a chain tells. */
export type ChainEvent =
  | { readonly type: 'format'; readonly port: number; readonly format: OutputFormat }
  | { readonly type: 'outputFailed'; readonly port: number; readonly reason: string }
  /** Something is left out of an output; it goes on without. */
  | { readonly type: 'trouble'; readonly port: number; readonly reason: string }
  | { readonly type: 'codecs'; readonly decoders: readonly Codec[]; readonly encoders: readonly Codec[] };
