import { ProtocolError } from '../../errors/wcs-error.ts';
import { withoutHeaderExtensions } from '../../rtp/header-extensions.ts';
import { JitterBuffer } from '../../rtp/jitter-buffer.ts';
import { rtpHeaderLength, rtpPayloadType, rtpSsrc, withoutPadding } from '../../rtp/packet.ts';
import { ReceivedSource, type ReceivedSourceState } from '../../rtp/received-source.ts';
import { ParameterSets, type ParameterSetsState } from './parameter-sets.ts';
import { Repacketiser, type AacPacking } from './repacketiser.ts';
import { TrackWriter, type TrackWriterState, type WrittenTrack } from './track-writer.ts';

/** One track as its session description promises it. */
export interface RtpIngestTrack extends WrittenTrack {
  /** Packets of another payload type belong to something else; absent: whatever comes is this track, as cameras number as they like. */
  readonly payloadType?: number | undefined;
  /** AAC in another payload format than the bus's own. */
  readonly packing?: AacPacking | undefined;
  /** The sender makes key frames on request. @see RFC 4585 section 6.3.1 */
  readonly takesPli?: boolean;
}

/** Plain data of an `IngestTrack`. */
export interface IngestTrackState {
  readonly source: { readonly ssrc: number; readonly lastMs: number; readonly state: ReceivedSourceState } | undefined;
  readonly lastSequence: number | undefined;
  readonly offset: number;
  readonly lastNumber: number;
  readonly parameterSets: ParameterSetsState | undefined;
  readonly writer: TrackWriterState;
}

/** What a track tells its publisher. */
export interface IngestTrackHost {
  /** A packet as the bus carries it but for the number in its header, in order, and its number. */
  onPacket(track: IngestTrack, rtp: Uint8Array, number: number, receivedAtMs: number): void;
  /** Another source has taken the track over. */
  onSource(track: IngestTrack): void;
}

interface Arrived {
  readonly sequence: number;
  readonly rtp: Uint8Array;
  readonly atMs: number;
}

/** A source may follow another one that has been silent this long; before that it is somebody else's packet. */
const SOURCE_SILENT_MS = 200;
/** Without retransmission a hole is reordering of the path, or it stays. */
const REORDER = { maxWaitMs: 50, maxPackets: 256 } as const;
const EXTENSION_BIT = 0x10;

/** The packets of one track as they come, made into those of the bus: in order, numbered through, with parameter sets. */
export class IngestTrack {
  readonly description: RtpIngestTrack;
  readonly writer: TrackWriter;
  readonly #host: IngestTrackHost;
  readonly #order: JitterBuffer<Arrived> | undefined;
  readonly #parameterSets: ParameterSets | undefined;
  readonly #repacketiser: Repacketiser | undefined;
  #received: ReceivedSource | undefined;
  #lastMs: number;
  #lastSequence: number | undefined;
  /** Added to received numbers. */
  #offset: number;
  #lastNumber: number;
  #currentMs = 0;

  constructor(description: RtpIngestTrack, mayReorder: boolean, host: IngestTrackHost, state?: IngestTrackState) {
    const { codec, clockRateHz, format, packing } = description;
    this.description = description;
    this.writer = new TrackWriter(description, state?.writer);
    this.#host = host;
    this.#order = mayReorder ? new JitterBuffer((arrived) => this.#take(arrived), REORDER) : undefined;
    this.#parameterSets = codec === 'h264' || codec === 'hevc' ? new ParameterSets(codec, state?.parameterSets) : undefined;
    this.#repacketiser = packing === undefined ? undefined : new Repacketiser(packing, { codecConfig: format?.codecConfig, clockRateHz }, (rtp) => this.#emit(rtp, this.#lastNumber + 1));
    const source = state?.source;
    this.#received = source === undefined ? undefined : new ReceivedSource(source.ssrc, clockRateHz, false, source.state);
    this.#lastMs = source?.lastMs ?? -Infinity;
    this.#lastSequence = state?.lastSequence;
    this.#offset = state?.offset ?? 0;
    this.#lastNumber = state?.lastNumber ?? -1;
  }

  /** Undefined before the first packet. */
  get received(): ReceivedSource | undefined {
    return this.#received;
  }

  /** Gives out what waits for packets before it. */
  exportState(): IngestTrackState {
    this.#order?.flush();
    const received = this.#received;
    return {
      source: received === undefined ? undefined : { ssrc: received.ssrc, lastMs: this.#lastMs, state: received.exportState() },
      lastSequence: this.#lastSequence,
      offset: this.#offset,
      lastNumber: this.#lastNumber,
      parameterSets: this.#parameterSets?.exportState(),
      writer: this.writer.exportState(),
    };
  }

  /** Takes a packet as it came. @returns false for one that isn't the track's. Never throws for what a peer sent */
  push(packet: Uint8Array, atMs: number): boolean {
    const rtp = plainRtp(packet);
    if (rtp === undefined) return false;
    const { payloadType } = this.description;
    if (payloadType !== undefined && rtpPayloadType(rtp) !== payloadType) return false;
    const received = this.#sourceOf(rtpSsrc(rtp), atMs);
    const sequence = received?.received(rtp, atMs, false);
    if (sequence === undefined) return false;
    this.#lastMs = atMs;
    const arrived = { sequence, rtp, atMs };
    if (this.#order === undefined) this.#take(arrived);
    else this.#order.push(arrived, atMs);
    return true;
  }

  /** Gives up packets that are missing for too long. */
  tick(nowMs: number): void {
    this.#order?.advance(nowMs);
  }

  #sourceOf(ssrc: number, atMs: number): ReceivedSource | undefined {
    if (this.#received?.ssrc === ssrc) return this.#received;
    if (atMs - this.#lastMs < SOURCE_SILENT_MS) return undefined;
    const isFirst = this.#received === undefined;
    this.#order?.flush();
    this.#order?.reset();
    this.#received = new ReceivedSource(ssrc, this.description.clockRateHz, false);
    this.#lastSequence = undefined;
    if (!isFirst) this.#host.onSource(this);
    return this.#received;
  }

  #take({ sequence, rtp, atMs }: Arrived): void {
    const last = this.#lastSequence;
    if (last !== undefined && sequence <= last && this.#repacketiser !== undefined) return;
    if (last === undefined) this.#offset = this.#lastNumber + 1 - sequence;
    this.#lastSequence = Math.max(last ?? sequence, sequence);
    this.#currentMs = atMs;
    if (this.#repacketiser !== undefined) {
      this.#repacketiser.push(rtp, last !== undefined && sequence !== last + 1);
      const { format } = this.#repacketiser;
      if (format !== undefined) this.writer.setFormat(format);
      return;
    }
    const payload = rtp.subarray(rtpHeaderLength(rtp));
    for (const missing of this.#parameterSets?.missingBefore(rtp, payload, this.writer.track?.codecConfig) ?? []) {
      this.#emit(missing, sequence + this.#offset);
      this.#offset += 1;
    }
    this.#emit(rtp, sequence + this.#offset);
  }

  #emit(rtp: Uint8Array, number: number): void {
    this.#lastNumber = Math.max(this.#lastNumber, number);
    this.#host.onPacket(this, rtp, number, this.#currentMs);
  }
}

/** The packet without padding and header extensions, which mean something to its sender only; undefined for what is no RTP. */
function plainRtp(packet: Uint8Array): Uint8Array | undefined {
  try {
    const plain = withoutPadding(packet);
    return ((plain[0] ?? 0) & EXTENSION_BIT) === 0 ? plain : withoutHeaderExtensions(plain);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}
