import { isSameFormat, WcsError, type MediaPacket, type TrackDescriptor } from 'wcs-core';
import { rtpHeaderLength, rtpMarker, rtpTimestamp } from 'wcs-core/rtp/packet';
import { FormatProbe, type FormatFacts } from 'wcs-core/rtp/payload/format-probe';
import { KeyFramePackets } from 'wcs-core/rtp/payload/key-frame-packet';
import { isPayloadCodec } from 'wcs-core/rtp/payload/payload-formats';
import type { AcceptedMedia, NegotiatedCodec } from '../wire/negotiate-answer.ts';

/** Sound whose packets say nothing of its format. @see RFC 3551 section 4.5 */
const FIXED_FORMATS: Readonly<Partial<Record<NegotiatedCodec['codec'], FormatFacts>>> = {
  pcmu: { sampleRateHz: 8000, channels: 1 },
  pcma: { sampleRateHz: 8000, channels: 1 },
  g722: { sampleRateHz: 16_000, channels: 1 },
};

/** Id of the track of an m-section, or of one layer of it. */
export function trackIdOf({ kind }: Pick<AcceptedMedia, 'kind'>, rid: string | undefined): string {
  return rid === undefined ? kind : `${kind}:${rid}`;
}

/** Plain data of a `TrackWriter`. */
export interface TrackWriterState {
  readonly track: TrackDescriptor | undefined;
}

/** Makes bus packets of the RTP of one m-section, or of one layer of it: finds the format of its track and the packets of its key frames. */
export class TrackWriter {
  /** Of the track. */
  readonly id: string;
  readonly #kind: AcceptedMedia['kind'];
  /** The picture that this track is a layer of. */
  readonly #layerOf: string | undefined;
  readonly #codec: NegotiatedCodec;
  readonly #probe: FormatProbe;
  readonly #keyFrames: KeyFramePackets;
  #track: TrackDescriptor | undefined;

  /** @param rid of a layer; undefined where the m-section has one track only */
  constructor({ kind }: AcceptedMedia, codec: NegotiatedCodec, rid: string | undefined, state?: TrackWriterState) {
    if (!isPayloadCodec(codec.codec)) throw new WcsError('INTERNAL_E_FAULT', `${codec.codec} has no payload format.`);
    this.id = trackIdOf({ kind }, rid);
    this.#kind = kind;
    this.#layerOf = rid === undefined ? undefined : kind;
    this.#codec = codec;
    this.#probe = new FormatProbe(codec.codec);
    this.#keyFrames = new KeyFramePackets(codec.codec);
    this.#track = state?.track;
  }

  exportState(): TrackWriterState {
    return { track: this.#track };
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
    const facts = FIXED_FORMATS[this.#codec.codec] ?? this.#probe.observe(payload);
    if (facts !== undefined) this.#describe(facts);
    const track = this.#track;
    if (track === undefined) return undefined;
    return { track, rtp, sequence, ptsUs, marker: rtpMarker(rtp), key: this.#keyFrames.isKey(payload, rtpTimestamp(rtp)), receivedAtMs };
  }

  #describe(facts: FormatFacts): void {
    const before = this.#track;
    // A stereo stream whose probe has just begun anew may be at a passage in mono.
    if (before?.channels === 2 && facts.channels === 1) return;
    const { codec, clockRateHz } = this.#codec;
    const layer = this.#layerOf === undefined ? {} : { layerOf: this.#layerOf };
    const found: TrackDescriptor = { ...facts, ...layer, id: this.id, kind: this.#kind, codec, clockRateHz, revision: (before?.revision ?? -1) + 1 };
    if (!isSameFormat(found, before)) this.#track = found;
  }
}
