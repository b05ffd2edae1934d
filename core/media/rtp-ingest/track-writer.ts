import { WcsError } from '../../errors/wcs-error.ts';
import { rtpHeaderLength, rtpMarker, rtpTimestamp } from '../../rtp/packet.ts';
import { FormatProbe, type FormatFacts } from '../../rtp/payload/format-probe.ts';
import { KeyFramePackets } from '../../rtp/payload/key-frame-packet.ts';
import { isPayloadCodec } from '../../rtp/payload/payload-formats.ts';
import type { Codec } from '../codecs.ts';
import type { MediaPacket } from '../frame.ts';
import { isSameFormat, type TrackDescriptor } from '../track.ts';

/** Sound whose packets say nothing of its format. @see RFC 3551 section 4.5 */
const FIXED_FORMATS: Readonly<Partial<Record<Codec, FormatFacts>>> = {
  pcmu: { sampleRateHz: 8000, channels: 1 },
  pcma: { sampleRateHz: 8000, channels: 1 },
  g722: { sampleRateHz: 16_000, channels: 1 },
  g729: { sampleRateHz: 8000, channels: 1 },
};

/** A track as its session description promises it. */
export interface WrittenTrack extends Pick<TrackDescriptor, 'id' | 'kind' | 'codec' | 'clockRateHz' | 'layerOf'> {
  /** The whole format, where the description tells it and packets don't: AAC, Speex, linear PCM. */
  readonly format?: FormatFacts | undefined;
  /** Of the first description, where a track of another format went before under the same id; default 0. */
  readonly firstRevision?: number | undefined;
  /** Parameter sets out of band, as NAL units: the format until packets bring other ones. */
  readonly parameterSets?: readonly Uint8Array[] | undefined;
}

/** Plain data of a `TrackWriter`. */
export interface TrackWriterState {
  readonly track: TrackDescriptor | undefined;
}

/** Makes bus packets of the RTP of one track: finds the format of the track and the packets of its key frames. */
export class TrackWriter {
  /** Of the track. */
  readonly id: string;
  readonly #description: WrittenTrack;
  readonly #fixed: FormatFacts | undefined;
  /** Payloads tell neither the format, nor whether a decoder can begin with them: with sound it always can. */
  readonly #saysNothing: boolean;
  readonly #probe: FormatProbe;
  readonly #keyFrames: KeyFramePackets;
  #track: TrackDescriptor | undefined;

  /** @throws WcsError INTERNAL_E_FAULT for a codec that has no payload format */
  constructor(description: WrittenTrack, state?: TrackWriterState) {
    const { id, codec, format, parameterSets = [] } = description;
    if (!isPayloadCodec(codec)) throw new WcsError('INTERNAL_E_FAULT', `${codec} has no payload format.`);
    this.id = id;
    this.#description = description;
    this.#fixed = format ?? FIXED_FORMATS[codec];
    this.#saysNothing = this.#fixed !== undefined && description.kind === 'audio';
    this.#probe = new FormatProbe(codec);
    this.#keyFrames = new KeyFramePackets(codec);
    this.#track = state?.track;
    if (this.#track !== undefined) return;
    if (format !== undefined) this.#describe(format);
    // A NAL unit is the payload of a packet of its own.
    for (const nal of parameterSets) this.#observe(nal);
  }

  exportState(): TrackWriterState {
    return { track: this.#track };
  }

  /** Undefined until the description or a packet has told the format. */
  get track(): TrackDescriptor | undefined {
    return this.#track;
  }

  /** The format has become known, or has changed, beside the packets. */
  setFormat(format: FormatFacts): void {
    this.#describe(format);
  }

  /**
   * The packet for the bus, or undefined while the format is unknown: nothing can be decoded before it.
   *
   * @param rtp without padding
   * @throws ProtocolError
   */
  packet(rtp: Uint8Array, sequence: number, ptsUs: number, receivedAtMs: number): MediaPacket | undefined {
    const payload = this.#saysNothing ? undefined : rtp.subarray(rtpHeaderLength(rtp));
    if (this.#fixed === undefined && payload !== undefined) this.#observe(payload);
    else if (this.#track === undefined && this.#fixed !== undefined) this.#describe(this.#fixed);
    const track = this.#track;
    if (track === undefined) return undefined;
    const key = payload === undefined || this.#keyFrames.isKey(payload, rtpTimestamp(rtp));
    return { track, rtp, sequence, ptsUs, marker: rtpMarker(rtp), key, receivedAtMs };
  }

  #observe(payload: Uint8Array): void {
    const facts = this.#probe.observe(payload);
    if (facts !== undefined) this.#describe(facts);
  }

  #describe(facts: FormatFacts): void {
    const before = this.#track;
    // A stereo stream whose probe has just begun anew may be at a passage in mono.
    if (before?.channels === 2 && facts.channels === 1) return;
    const { id, kind, codec, clockRateHz, layerOf, firstRevision = 0 } = this.#description;
    const layer = layerOf === undefined ? {} : { layerOf };
    // Spreads come last: before other keys they give each object a shape of its own (Node 20), and every packet asks for its track.
    const found: TrackDescriptor = { id, kind, codec, clockRateHz, revision: before === undefined ? firstRevision : before.revision + 1, ...facts, ...layer };
    if (!isSameFormat(found, before)) this.#track = found;
  }
}
