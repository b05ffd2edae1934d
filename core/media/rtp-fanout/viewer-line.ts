import { randomInt } from 'node:crypto';
import type { FanoutMember, RtpSender } from '../../rtp/fanout/engine.ts';
import { rtpHeaderLength } from '../../rtp/packet.ts';
import { sequenceDistance, timestampDistance } from '../../rtp/sequence.ts';
import { ResendBudget } from './resend-budget.ts';
import { setHeader, toRetransmission } from './rewrite.ts';
import type { RtpFanoutRuntime } from './runtime.ts';
import { NO_ORIENTATION, type HeaderForm, type Joiner, type TrackFanout } from './track-fanout.ts';

/** Where a track goes for one viewer. */
export interface RtpMapping {
  readonly ssrc: number;
  readonly payloadType: number;
  /** Retransmissions go out with these; without them the same packet is sent again. @see RFC 4588 */
  readonly rtx?: { readonly ssrc: number; readonly payloadType: number };
  /** Id that the viewer negotiated for `urn:3gpp:video-orientation`. */
  readonly orientationExtensionId?: number;
  /** False for a peer that never asks for packets again: sound is not kept for it. */
  readonly resends?: boolean;
}

/** What a line carries over a swap; plain data. */
export interface RtpLineState {
  readonly ssrc: number;
  readonly trackId: string;
  /** Sequence of the track that the numbers below belong to. */
  readonly space: number;
  readonly sequenceOffset: number;
  /** Added to the track's timestamps, in ticks. */
  readonly shiftTicks: number;
  /** First number of the track's sequence that this viewer got. */
  readonly firstSequence: number;
  /** Extended sequence number of the next packet to the viewer. */
  readonly nextSequence: number;
  readonly rtxSequence: number;
  readonly packets: number;
  readonly octets: number;
  readonly rtxPackets: number;
  readonly rtxOctets: number;
  /** `replaying` goes on at the number `cursor` of the track's sequence. */
  readonly phase: LinePhase;
  readonly cursor: number;
}

/** `waiting` for a key frame, `replaying` the cached group of pictures, or `live`. */
export type LinePhase = 'waiting' | 'replaying' | 'live';

/** What a sender report says of a source. @see RFC 3550 section 6.4.1 */
export interface SenderFacts {
  readonly ssrc: number;
  /** Media time now, and the same on the stream's clock in microseconds. */
  readonly rtpTimestamp: number;
  readonly streamUs: number;
  readonly packetCount: number;
  readonly octetCount: number;
}

/** What a line needs of its viewer. */
export interface LineHost {
  readonly sender: RtpSender;
  readonly runtime: RtpFanoutRuntime;
  requestKeyFrame(trackId: string): void;
  /** Calls what nobody else would catch; a throw ends the viewer. */
  guard(work: () => void): void;
}

/** Late packets stand before the first one, and none of them may have a negative number. */
const FIRST_SEQUENCE_MIN = 1024;
/** The roll-over counter starts at 0. @see RFC 3711 section 3.3.1 */
const FIRST_SEQUENCE_END = 0x8000;
/** Cached packets sent to one viewer at once. */
const REPLAY_PACKETS = 32;
/** Step of the replay, milliseconds. */
const REPLAY_STEP_MS = 8;
/**
 * Layers of one picture have the same timestamps: who has got a picture in one size and then gets it in another would
 * take both for one. So that viewer's timestamps are moved on in steps of 10 ms of a clock of 90 kHz; few of them are
 * ever needed, and viewers with the same step share a group.
 */
const SHIFT_STEP_TICKS = 900;
/** A greater distance is no other layer's, but another time. */
const SHIFT_MAX_TICKS = 90_000;

/** One source of a viewer: a track under the viewer's SSRC, payload type and sequence numbers. */
export class ViewerLine implements Joiner {
  readonly #host: LineHost;
  readonly #budget = new ResendBudget();
  #mapping: RtpMapping;
  /** The track that is sent, and the one that is to follow at its next key frame. */
  #track: TrackFanout | undefined;
  #awaited: TrackFanout | undefined;
  #member: FanoutMember | undefined;
  /** Whether the track keeps its packets for this line. */
  #isKept = false;
  #cancelReplay: (() => void) | undefined;
  #cursor = 0;
  #offset = 0;
  #shiftTicks = 0;
  #firstSequence = 0;
  #nextSequence = randomInt(FIRST_SEQUENCE_MIN, FIRST_SEQUENCE_END);
  #rtxSequence = randomInt(FIRST_SEQUENCE_END);
  /** True once a packet was sent: its number must never be used for another one. */
  #hasSent = false;
  #packets = 0;
  #octets = 0;
  #rtxPackets = 0;
  #rtxOctets = 0;

  constructor(mapping: RtpMapping, host: LineHost) {
    this.#mapping = mapping;
    this.#host = host;
  }

  get mapping(): RtpMapping {
    return this.#mapping;
  }

  /** Id of the track that is sent or waited for. */
  get trackId(): string {
    return (this.#awaited ?? this.#track)?.track.id ?? '';
  }

  get packets(): number {
    return this.#packets + (this.#member?.packets ?? 0);
  }

  get octets(): number {
    return this.#octets + (this.#member?.octets ?? 0);
  }

  /**
   * Sends that track from now on: sound at once, a picture from the cached group or the next key frame on. Another track
   * of the same line goes on until then.
   */
  follow(track: TrackFanout, mapping: RtpMapping): void {
    const isSame = areSameHeaders(mapping, this.#mapping);
    if (isSame && (this.#awaited ?? this.#track) === track) {
      // The request, or the key frame, may have been lost.
      if (this.#awaited !== undefined) this.#host.requestKeyFrame(track.track.id);
      return;
    }
    this.#stopWaiting();
    if (!isSame) this.#leave();
    this.#mapping = mapping;
    if (this.#track === track) return;
    if (track.track.kind !== 'video') this.#start(track, track.sentNext);
    else this.#startAtKey(track);
  }

  /** Goes on where the line of another generation stood. */
  resume(state: RtpLineState, track: TrackFanout): void {
    this.#nextSequence = state.nextSequence;
    this.#rtxSequence = state.rtxSequence;
    this.#packets = state.packets;
    this.#octets = state.octets;
    this.#rtxPackets = state.rtxPackets;
    this.#rtxOctets = state.rtxOctets;
    this.#hasSent = state.packets > 0;
    const isSameSpace = state.space === track.space;
    if (!isSameSpace || state.phase === 'waiting') {
      this.follow(track, this.#mapping);
      return;
    }
    this.#track = track;
    this.#offset = state.sequenceOffset;
    this.#shiftTicks = state.shiftTicks;
    this.#firstSequence = state.firstSequence;
    this.#cursor = state.cursor;
    if (state.phase === 'live') this.#join(track);
    else this.#replay();
  }

  /** What `resume` goes on from; undefined for a line without a track. */
  state(): RtpLineState | undefined {
    const track = this.#track ?? this.#awaited;
    if (track === undefined) return undefined;
    return {
      ssrc: this.#mapping.ssrc,
      trackId: track.track.id,
      space: track.space,
      sequenceOffset: this.#offset,
      shiftTicks: this.#shiftTicks,
      firstSequence: this.#firstSequence,
      nextSequence: this.#next(),
      rtxSequence: this.#rtxSequence,
      packets: this.packets,
      octets: this.octets,
      rtxPackets: this.#rtxPackets,
      rtxOctets: this.#rtxOctets,
      phase: this.#phase(),
      cursor: this.#cursor,
    };
  }

  begin(sequence: number, timestamp: number): void {
    const track = this.#awaited;
    this.#awaited = undefined;
    if (track === undefined) return;
    this.#shiftTicks = this.#shiftFor(timestamp);
    this.#start(track, sequence);
  }

  /** The viewer lost these: 16-bit sequence numbers of its own. Answers how many are sent again. */
  resend(sequences: readonly number[]): number {
    const nowMs = this.#host.runtime.clock.nowMs();
    let answered = 0;
    for (const sequence of sequences) if (this.#resendOne(sequence, nowMs)) answered += 1;
    return answered;
  }

  /** Facts of this line's sources that have sent something. */
  facts(streamNowUs: number): SenderFacts[] {
    const { ssrc, rtx } = this.#mapping;
    const facts: SenderFacts[] = [];
    if (this.#track === undefined) return facts;
    const rtpTimestamp = (this.#track.timestampOf(streamNowUs) + this.#shiftTicks) % 0x1_0000_0000;
    if (this.packets > 0) facts.push({ ssrc, rtpTimestamp, streamUs: streamNowUs, packetCount: this.packets, octetCount: this.octets });
    if (rtx !== undefined && this.#rtxPackets > 0) facts.push({ ssrc: rtx.ssrc, rtpTimestamp, streamUs: streamNowUs, packetCount: this.#rtxPackets, octetCount: this.#rtxOctets });
    return facts;
  }

  close(): void {
    this.#stopWaiting();
    this.#leave();
  }

  #phase(): LinePhase {
    if (this.#member !== undefined) return 'live';
    return this.#track === undefined ? 'waiting' : 'replaying';
  }

  #startAtKey(track: TrackFanout): void {
    // Who has shown pictures already must not be thrown back in time by the cached ones.
    const cached = this.#hasSent ? undefined : track.cachedStart();
    if (cached === undefined) {
      this.#awaited = track;
      track.wait(this);
      this.#host.requestKeyFrame(track.track.id);
      return;
    }
    this.#leave();
    this.#moveTo(track, cached);
    this.#cursor = cached;
    this.#replay();
  }

  #start(track: TrackFanout, sequence: number): void {
    this.#leave();
    this.#moveTo(track, sequence);
    this.#join(track);
  }

  #moveTo(track: TrackFanout, sequence: number): void {
    if (this.#hasSent) track.setFloor(sequence);
    this.#track = track;
    this.#offset = this.#nextSequence - sequence;
    this.#firstSequence = sequence;
  }

  #join(track: TrackFanout): void {
    const { ssrc, payloadType } = this.#mapping;
    this.#hasSent = true;
    this.#isKept = this.#mapping.resends !== false;
    if (this.#isKept) track.keepFor(1);
    this.#member = track.join(this.#host.sender, { ssrc, payloadType, sequenceOffset: this.#offset }, this.#form());
  }

  #leave(): void {
    this.#cancelReplay?.();
    this.#cancelReplay = undefined;
    this.#nextSequence = this.#next();
    this.#packets = this.packets;
    this.#octets = this.octets;
    this.#member?.remove();
    this.#member = undefined;
    if (this.#isKept) this.#track?.keepFor(-1);
    this.#isKept = false;
    this.#track = undefined;
  }

  #stopWaiting(): void {
    this.#awaited?.stopWaiting(this);
    this.#awaited = undefined;
  }

  /** Sends the cached packets up to those that the groups got last, then joins the group. */
  #replay(): void {
    const track = this.#track;
    this.#cancelReplay = undefined;
    if (track === undefined) return;
    const to = Math.min(track.sentNext, this.#cursor + REPLAY_PACKETS);
    if (this.#cursor < to) {
      const { ssrc, payloadType } = this.#mapping;
      const { packets, octets } = track.sendKept(this.#cursor, to, this.#host.sender, { ssrc, payloadType, sequenceOffset: this.#offset }, this.#form());
      this.#hasSent ||= packets > 0;
      this.#packets += packets;
      this.#octets += octets;
      this.#cursor = to;
      // A destination that breaks off while it is written to ends the viewer.
      if (this.#track !== track) return;
    }
    if (to === track.sentNext) this.#join(track);
    else this.#cancelReplay = this.#host.runtime.timers.after(REPLAY_STEP_MS, () => this.#host.guard(() => this.#replay()));
  }

  #resendOne(wrapped: number, nowMs: number): boolean {
    const track = this.#track;
    if (track === undefined) return false;
    const highest = this.#next() - 1;
    const sequence = highest + sequenceDistance(highest & 0xffff, wrapped) - this.#offset;
    const wasSent = sequence >= this.#firstSequence && sequence + this.#offset <= highest;
    if (!wasSent || !track.keeps(sequence) || !this.#budget.take(sequence, nowMs)) return false;
    if (this.#mapping.rtx === undefined) return this.#sendKept(track, sequence);
    return this.#sendRtx(track, sequence, this.#mapping.rtx);
  }

  #sendKept(track: TrackFanout, sequence: number): boolean {
    const rtp = track.kept(sequence, this.#form());
    if (rtp === undefined) return false;
    const { ssrc, payloadType } = this.#mapping;
    setHeader(rtp, { ssrc, payloadType, sequence: sequence + this.#offset });
    this.#hasSent = true;
    this.#host.sender.sendRtp(rtp, sequence + this.#offset);
    this.#packets += 1;
    this.#octets += rtp.length - rtpHeaderLength(rtp);
    return true;
  }

  #sendRtx(track: TrackFanout, sequence: number, rtx: { readonly ssrc: number; readonly payloadType: number }): boolean {
    const original = track.kept(sequence, this.#form());
    if (original === undefined) return false;
    const rtp = toRetransmission(original, sequence + this.#offset, { ...rtx, sequence: this.#rtxSequence });
    this.#host.sender.sendRtp(rtp, this.#rtxSequence);
    this.#rtxSequence += 1;
    this.#rtxPackets += 1;
    this.#rtxOctets += rtp.length - rtpHeaderLength(rtp);
    return true;
  }

  /** Extended number of the next packet to the viewer. */
  #next(): number {
    if (this.#track === undefined) return this.#nextSequence;
    const sentTo = this.#member === undefined ? this.#cursor : this.#track.sentNext;
    return Math.max(this.#nextSequence, sentTo + this.#offset);
  }

  /** What has to be added to the timestamps of a picture with that one, to come after what was sent before. */
  #shiftFor(timestamp: number): number {
    if (this.#track === undefined || !this.#hasSent) return 0;
    const behindTicks = timestampDistance(timestamp, this.#track.sentTimestamp + this.#shiftTicks);
    if (behindTicks < 0 || behindTicks > SHIFT_MAX_TICKS) return 0;
    return Math.ceil((behindTicks + 1) / SHIFT_STEP_TICKS) * SHIFT_STEP_TICKS;
  }

  #form(): HeaderForm {
    return { orientationId: this.#mapping.orientationExtensionId ?? NO_ORIENTATION, shiftTicks: this.#shiftTicks };
  }
}

function areSameHeaders(a: RtpMapping, b: RtpMapping): boolean {
  const isSame = a.ssrc === b.ssrc && a.payloadType === b.payloadType && a.orientationExtensionId === b.orientationExtensionId;
  return isSame && a.rtx?.ssrc === b.rtx?.ssrc && a.rtx?.payloadType === b.rtx?.payloadType;
}
