import type { PluginSession, Publication } from 'wcs-core';
import type { SdpTrack } from '../wire/sdp-read.ts';

/** A stream that a pull is about to publish. */
export interface PulledStream {
  readonly session: PluginSession;
  readonly name: string;
  readonly owner: string;
  readonly peer: { readonly address: string; readonly port: number };
  readonly graceMs: number;
  readonly tracks: readonly SdpTrack[];
  /** Packets come over UDP. */
  readonly mayReorder: boolean;
  /** Sends a compound on the RTCP path of the track of that index. */
  sendRtcp(index: number, compound: Uint8Array): void;
  /** The stream was taken away. */
  onTerminated(reason: string): void;
}

/** Where the packets of a pull go; indices are those of the tracks. Never throws for what a peer sent. */
export interface PullPublisher {
  rtp(index: number, packet: Uint8Array, receivedAtMs: number): void;
  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void;
  tick(nowMs: number): void;
  /** The camera is gone but may return: readers wait. */
  suspend(reason: string): void;
  /** Another publisher of the same pull is about to take the stream over. */
  giveWay(): void;
  end(reason: string): void;
  exportState(): unknown;
  /** What came of each track. */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** The media bus, as far as pulls need it. */
export interface PullMediaPort {
  /** @throws WcsError MEDIA_E_NAME_IN_USE, MEDIA_E_NAME_INVALID */
  publish(stream: PulledStream): PullPublisher;
  /** Goes on with a publication of the previous version. */
  restore(stream: PulledStream, publication: Publication, state: unknown): PullPublisher;
}
