import { randomInt } from 'node:crypto';
import { RtpIngest, type Publication, type RtpIngestState } from 'wcs-core';
import type { PulledStream, PullMediaPort, PullPublisher } from '../client/media-port.ts';

const SSRC_END = 0x1_0000_0000;

/** Brings what pulls receive to the media bus. */
export class PullPort implements PullMediaPort {
  readonly #nowMs: () => number;

  /** @param nowMs monotonic clock in milliseconds */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  publish(stream: PulledStream): PullPublisher {
    const { session, name, owner, peer, graceMs } = stream;
    const meta = { plugin: 'rtsp', protocol: 'rtsp', sessionId: session.id, peer, params: {} };
    return new BusPublisher(stream, session.publish({ name, owner, graceMs, meta }), this.#nowMs);
  }

  restore(stream: PulledStream, publication: Publication, state: unknown): PullPublisher {
    // Written by `exportState` of a version with the same `handoff` number.
    return new BusPublisher(stream, publication, this.#nowMs, state as RtpIngestState);
  }
}

/** One pulled stream on the bus. */
class BusPublisher implements PullPublisher {
  readonly #publication: Publication;
  readonly #ingest: RtpIngest;

  constructor(stream: PulledStream, publication: Publication, nowMs: () => number, state?: RtpIngestState) {
    const { tracks, mayReorder } = stream;
    const sendRtcp = (index: number, compound: Uint8Array): void => stream.sendRtcp(index, compound);
    this.#publication = publication;
    this.#ingest = new RtpIngest({ publication, tracks, mayReorder, ssrc: state?.ssrc ?? randomInt(1, SSRC_END), sendRtcp }, state);
    publication.setCallbacks({
      onTerminate: (reason) => stream.onTerminated(reason),
      ...(this.#ingest.makesKeyFrames ? { onKeyFrameRequest: (trackId: string) => this.#ingest.requestKeyFrame(trackId, nowMs()) } : {}),
    });
  }

  get facts(): Readonly<Record<string, unknown>> {
    return this.#ingest.facts;
  }

  rtp(index: number, packet: Uint8Array, receivedAtMs: number): void {
    this.#ingest.rtp(index, packet, receivedAtMs);
  }

  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void {
    this.#ingest.rtcp(index, compound, receivedAtMs);
  }

  tick(nowMs: number): void {
    this.#ingest.tick(nowMs);
  }

  suspend(reason: string): void {
    this.#publication.suspend(reason);
  }

  giveWay(): void {
    this.#publication.setCallbacks({});
  }

  end(reason: string): void {
    this.#publication.end(reason);
  }

  exportState(): RtpIngestState {
    return this.#ingest.exportState();
  }
}
