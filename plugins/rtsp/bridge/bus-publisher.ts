import { RtpIngest, type Publication, type RtpIngestState } from 'wcs-core';
import type { Publisher, PublishRequest } from '../server/media-port.ts';

/** Plain data of a `BusPublisher`. */
export type BusPublisherState = RtpIngestState;

/** A publisher's packets on their way to the bus. */
export class BusPublisher implements Publisher {
  readonly #publication: Publication;
  readonly #ingest: RtpIngest;
  /** Places of the tracks that were set up among those that the ingest has. */
  readonly #places: ReadonlyMap<number, number>;

  constructor(publication: Publication, ssrc: number, request: PublishRequest, nowMs: () => number, state?: BusPublisherState) {
    const { tracks, set } = request;
    const setUp = set.flatMap(({ index }) => tracks[index] ?? []);
    this.#publication = publication;
    this.#places = new Map(set.map(({ index }, place) => [index, place]));
    const mayReorder = set.some(({ path }) => path.type === 'udp');
    this.#ingest = new RtpIngest({ publication, tracks: setUp, mayReorder, ssrc, sendRtcp: (place, compound) => request.sendRtcp(set[place]?.index ?? place, compound) }, state);
    const onKeyFrameRequest = (trackId: string): void => this.#ingest.requestKeyFrame(trackId, nowMs());
    publication.setCallbacks({ onTerminate: (reason) => request.onTerminate(reason), ...(this.#ingest.makesKeyFrames ? { onKeyFrameRequest } : {}) });
  }

  get lastPacketMs(): number | undefined {
    return this.#ingest.lastPacketMs;
  }

  get facts(): Readonly<Record<string, unknown>> {
    return this.#ingest.facts;
  }

  rtp(index: number, packet: Uint8Array, receivedAtMs: number): void {
    this.#ingest.rtp(this.#places.get(index) ?? -1, packet, receivedAtMs);
  }

  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void {
    this.#ingest.rtcp(this.#places.get(index) ?? -1, compound, receivedAtMs);
  }

  tick(nowMs: number): void {
    this.#ingest.tick(nowMs);
  }

  end(reason: string): void {
    this.#publication.end(reason);
  }

  exportState(): BusPublisherState {
    return this.#ingest.exportState();
  }
}
