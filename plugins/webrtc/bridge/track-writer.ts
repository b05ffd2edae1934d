import { isSameFormat, type MediaPacket, type TrackDescriptor } from 'wcs-core';
import { rtpHeaderLength, rtpMarker, rtpTimestamp } from 'wcs-core/rtp/packet';
import type { AcceptedMedia, NegotiatedCodec } from '../wire/negotiate-answer.ts';
import { probePayload } from './payload-probe.ts';

/** Plain data of a `TrackWriter`. */
export interface TrackWriterState {
  readonly track: TrackDescriptor | undefined;
  readonly keyTimestamp: number | undefined;
}

/** Makes bus packets of one m-section's RTP: finds the format of its track and the packets of its key frames. */
export class TrackWriter {
  readonly #kind: AcceptedMedia['kind'];
  readonly #codec: NegotiatedCodec;
  #track: TrackDescriptor | undefined;
  /** RTP timestamp of the key frame that comes in now. */
  #keyTimestamp: number | undefined;

  constructor({ kind }: AcceptedMedia, codec: NegotiatedCodec, state?: TrackWriterState) {
    this.#kind = kind;
    this.#codec = codec;
    this.#track = state?.track;
    this.#keyTimestamp = state?.keyTimestamp;
  }

  exportState(): TrackWriterState {
    return { track: this.#track, keyTimestamp: this.#keyTimestamp };
  }

  /** Undefined until a packet has told the format. */
  get track(): TrackDescriptor | undefined {
    return this.#track;
  }

  /**
   * The packet for the bus, or undefined while the format is unknown: nothing can be decoded before it.
   *
   * @param rtp without padding
   * @throws ProtocolError
   */
  packet(rtp: Uint8Array, sequence: number, ptsUs: number, receivedAtMs: number): MediaPacket | undefined {
    const payload = rtp.subarray(rtpHeaderLength(rtp));
    const timestamp = rtpTimestamp(rtp);
    const isAudio = this.#kind === 'audio';
    if (payload.length > 0 && (!isAudio || this.#track === undefined)) this.#look(payload, timestamp);
    const track = this.#track;
    if (track === undefined) return undefined;
    return { track, rtp, sequence, ptsUs, marker: rtpMarker(rtp), key: isAudio || timestamp === this.#keyTimestamp, receivedAtMs };
  }

  #look(payload: Uint8Array, timestamp: number): void {
    const { codec, clockRateHz } = this.#codec;
    const { key, format } = probePayload(codec, payload, this.#track);
    if (key) this.#keyTimestamp = timestamp;
    if (format === undefined) return;
    const kind = this.#kind;
    const found: TrackDescriptor = { ...format, id: kind, kind, codec, clockRateHz, revision: (this.#track?.revision ?? -1) + 1 };
    if (!isSameFormat(found, this.#track)) this.#track = found;
  }
}
