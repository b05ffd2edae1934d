import { ProtocolError } from '../../errors/wcs-error.ts';
import { rtpTimestamp } from '../../rtp/packet.ts';
import { PublisherClock, type PublisherClockState } from '../../rtp/publisher-clock.ts';
import { encodeRtcp, parseRtcp, type RtcpPacket, type WritableRtcp } from '../../rtp/rtcp.ts';
import type { MediaPacket } from '../frame.ts';
import type { Publication } from '../publication.ts';
import type { TrackDescriptor } from '../track.ts';
import { HeldPackets, type HeldPacketsState } from './held-packets.ts';
import { IngestTrack, type IngestTrackState, type RtpIngestTrack } from './ingest-track.ts';

/** How often a sender is told how it is received. @see RFC 3550 section 6.2 */
const REPORT_MS = 5000;
/** Least time between two requests for a key frame, milliseconds. */
const KEY_FRAME_MS = 500;

/** What an ingest is made of. */
export interface RtpIngestOptions {
  readonly publication: Publication;
  /** In the order of their indices. */
  readonly tracks: readonly RtpIngestTrack[];
  /** Packets come over UDP: they are put in order first. */
  readonly mayReorder: boolean;
  /** Our own SSRC in reports and feedback. */
  readonly ssrc: number;
  /** Sends a compound on the RTCP path of a track. */
  sendRtcp(index: number, compound: Uint8Array): void;
}

/** Plain data of an `RtpIngest`. */
export interface RtpIngestState {
  readonly ssrc: number;
  readonly clock: PublisherClockState;
  readonly tracks: readonly IngestTrackState[];
  readonly held: HeldPacketsState;
  readonly lastPacketMs: number | undefined;
}

/**
 * Makes tracks and packets of a publication of the RTP of one sender whose tracks come apart, one source each: what
 * RTSP and SIP receive. Puts their times on one clock, finds formats and key frames, and reports how it receives.
 */
export class RtpIngest {
  readonly #options: RtpIngestOptions;
  readonly #tracks: readonly IngestTrack[];
  readonly #clock: PublisherClock;
  readonly #held: HeldPackets;
  #lastPacketMs: number | undefined;
  #reportDueMs = 0;
  #keyFrameDueMs = 0;

  constructor(options: RtpIngestOptions, state?: RtpIngestState) {
    const { tracks, mayReorder } = options;
    this.#options = options;
    const host = {
      onPacket: (track: IngestTrack, rtp: Uint8Array, number: number, receivedAtMs: number) => this.#onPacket(track, rtp, number, receivedAtMs),
      onSource: ({ description }: IngestTrack) => this.#clock.forget(description.id),
    };
    this.#tracks = tracks.map((description, index) => new IngestTrack(description, mayReorder, host, state?.tracks[index]));
    const master = tracks.find(({ kind }) => kind === 'audio') ?? tracks[0];
    this.#clock = new PublisherClock(master?.id ?? '', state?.clock);
    this.#held = HeldPackets.from(state);
    this.#lastPacketMs = state?.lastPacketMs;
    if (state === undefined && this.#isKnown()) this.#announce();
  }

  exportState(): RtpIngestState {
    // First, since it gives out packets.
    const tracks = this.#tracks.map((track) => track.exportState());
    return { ssrc: this.#options.ssrc, clock: this.#clock.exportState(), tracks, held: this.#held.exportState(), lastPacketMs: this.#lastPacketMs };
  }

  /** Monotonic milliseconds of the newest packet. */
  get lastPacketMs(): number | undefined {
    return this.#lastPacketMs;
  }

  /** For lists: what came of each track. */
  get facts(): Readonly<Record<string, unknown>> {
    return Object.fromEntries(this.#tracks.flatMap(({ description, received }) => (received === undefined ? [] : [[description.id, { packets: received.packets, lost: received.lost, jitterMs: Math.round(received.jitterMs) }]])));
  }

  /** Takes a packet of the track of that index. Never throws for what a peer sent. */
  rtp(index: number, packet: Uint8Array, receivedAtMs: number): void {
    if (this.#tracks[index]?.push(packet, receivedAtMs) === true) this.#lastPacketMs = receivedAtMs;
  }

  /** Takes a compound that came on the RTCP path of the track of that index. Never throws for what a peer sent. */
  rtcp(index: number, compound: Uint8Array, receivedAtMs: number): void {
    const track = this.#tracks[index];
    if (track === undefined) return;
    for (const packet of readRtcp(compound)) {
      if (packet.type !== 'senderReport' || packet.ssrc !== (track.received?.ssrc ?? packet.ssrc)) continue;
      track.received?.senderReport(packet.ntp, receivedAtMs);
      this.#clock.report(track.description.id, packet.ntp, packet.rtpTimestamp);
    }
  }

  /** To be called several times a second. */
  tick(nowMs: number): void {
    for (const track of this.#tracks) track.tick(nowMs);
    if (this.#held.isHolding) this.#announceWhenReady(nowMs);
    if (nowMs < this.#reportDueMs) return;
    this.#reportDueMs = nowMs + REPORT_MS;
    for (const [index, { received }] of this.#tracks.entries()) {
      const block = received?.reportBlock(nowMs);
      if (block !== undefined) this.#send(index, [{ type: 'receiverReport', ssrc: this.#options.ssrc, reports: [block] }]);
    }
  }

  /** True where the sender of a track makes key frames on request. */
  get makesKeyFrames(): boolean {
    return this.#tracks.some(({ description }) => description.takesPli === true);
  }

  /** Asks the sender of a track for a key frame, where it takes that. */
  requestKeyFrame(trackId: string, nowMs: number): void {
    const index = this.#tracks.findIndex(({ description }) => description.id === trackId);
    const track = this.#tracks[index];
    if (track?.description.takesPli !== true || track.received === undefined || nowMs < this.#keyFrameDueMs) return;
    this.#keyFrameDueMs = nowMs + KEY_FRAME_MS;
    const { ssrc } = this.#options;
    this.#send(index, [{ type: 'receiverReport', ssrc, reports: [] }, { type: 'pli', senderSsrc: ssrc, mediaSsrc: track.received.ssrc }]);
  }

  #onPacket(track: IngestTrack, rtp: Uint8Array, number: number, receivedAtMs: number): void {
    const { writer, description } = track;
    const before = writer.track;
    const ptsUs = this.#clock.timeUs(description.id, description.clockRateHz, rtpTimestamp(rtp), receivedAtMs);
    const packet = writer.packet(rtp, number, ptsUs, receivedAtMs);
    if (packet === undefined) return;
    if (this.#held.isHolding) {
      this.#held.hold(this.#tracks.indexOf(track), packet);
      this.#announceWhenReady(receivedAtMs);
      return;
    }
    if (packet.track !== before) this.#announce();
    this.#options.publication.writePacket(packet);
  }

  #announceWhenReady(nowMs: number): void {
    const held = this.#held.release(nowMs, () => this.#isKnown());
    if (held === undefined) return;
    this.#announce();
    for (const { index, packet } of held) this.#options.publication.writePacket(this.#withNewest(index, packet));
  }

  /** The format may have become better known since the packet came. */
  #withNewest(index: number, packet: MediaPacket): MediaPacket {
    const track = this.#tracks[index]?.writer.track ?? packet.track;
    return track === packet.track ? packet : { ...packet, track };
  }

  #isKnown(): boolean {
    return this.#tracks.every(({ writer }) => writer.track !== undefined);
  }

  #announce(): void {
    const known: TrackDescriptor[] = this.#tracks.flatMap(({ writer }) => writer.track ?? []);
    this.#options.publication.setTracks(known);
  }

  #send(index: number, packets: readonly WritableRtcp[]): void {
    this.#options.sendRtcp(index, encodeRtcp(packets));
  }
}

function readRtcp(compound: Uint8Array): readonly RtcpPacket[] {
  try {
    return parseRtcp(compound);
  } catch (error) {
    if (error instanceof ProtocolError) return [];
    throw error;
  }
}
