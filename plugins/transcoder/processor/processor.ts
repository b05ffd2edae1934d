import type { Codec } from 'wcs-core';
import type { JobEnd } from 'wcs-core/process/child';
import type { JobPacket } from 'wcs-core/process/framing';
import type { ChainInput, OutputFormat, OutputSpec } from './chain-spec.ts';

/** What a chain tells. Nothing after `onEnd`. */
export interface ChainSink {
  /** Before the first packet of an output, and again when it changes. */
  onFormat(port: number, format: OutputFormat): void;
  /** `port` says of which output. */
  onPacket(packet: JobPacket): void;
  /** This output is over; the others go on. */
  onOutputFailed(port: number, reason: string): void;
  /** This output goes on, without something that was asked for. */
  onTrouble?(port: number, reason: string): void;
  /** `failed`: the track can't be decoded here; `lost`: the process is gone, another chain may do better. */
  onEnd(end: JobEnd): void;
}

/** One track, decoded once, and what is made of it. */
export interface Chain {
  readonly backlogBytes: number;
  addOutput(port: number, output: OutputSpec): void;
  removeOutput(port: number): void;
  /** The track has changed its format. */
  setInput(input: ChainInput): void;
  push(packet: JobPacket): void;
  /** The next picture of every output becomes a key frame. */
  requestKeyFrame(): void;
  close(): void;
}

/** Something that decodes and encodes, outside of this process. */
export interface MediaProcessor {
  readonly name: 'node-av' | 'ffmpeg';
  readonly decoders: ReadonlySet<Codec>;
  readonly encoders: ReadonlySet<Codec>;
  /** Cores in use. */
  readonly cores: number;
  /** Processes at work. */
  readonly processes: number;
  /** @param alone in a process of its own, for a track that has ended one before */
  openChain(input: ChainInput, sink: ChainSink, alone: boolean): Chain;
  close(): void;
}
