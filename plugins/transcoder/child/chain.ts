import type { JobPacket } from 'wcs-core/process/framing';
import type { ChainInput, OutputSpec } from '../processor/chain-spec.ts';

/** One track, decoded once, and what is made of it. A throw ends the chain; what fails in one output is told as an event. */
export interface MediaChain {
  /** The track has changed its format. */
  setInput(input: ChainInput): void;
  addOutput(port: number, spec: OutputSpec): void;
  removeOutput(port: number): void;
  push(packet: JobPacket): void;
  requestKeyFrame(): void;
  setBitrate?(port: number, bitrateBps: number): void;
  close(): void;
}

/** The configuration record of an input as bytes. */
export function configOf({ codecConfig }: ChainInput): Uint8Array | undefined {
  return codecConfig === undefined ? undefined : Buffer.from(codecConfig, 'base64');
}
