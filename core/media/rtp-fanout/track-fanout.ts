import { randomInt } from 'node:crypto';
import { ProtocolError } from '../../errors/wcs-error.ts';
import type { FanoutGroup, FanoutMember, MemberHeader, RtpSender } from '../../rtp/fanout/engine.ts';
import { usToTicks, type MediaPacket } from '../frame.ts';
import type { TrackDescriptor } from '../track.ts';
import { BurstQueue } from './burst-queue.ts';
import { PacketRing, type JoinLimits, type RingPacket } from './packet-ring.ts';
import { toPlainPacket, withOrientation } from './rewrite.ts';
import type { RtpFanoutRuntime } from './runtime.ts';
import { SequenceSpace } from './sequence-space.ts';

/** Group of the viewers that negotiated no orientation extension. */
export const NO_ORIENTATION = 0;

/** A viewer's side that waits for the next key frame of a track. */
export interface Joiner {
  /** The next packet sent has this number and begins a picture. */
  begin(sequence: number): void;
}

/** What a track's fan-out needs of its stream's. */
export interface TrackHost {
  readonly runtime: RtpFanoutRuntime;
  /** Added to every timestamp. */
  readonly timestampBase: number;
  /** How much of a group of pictures is worth keeping. */
  joinLimits(): JoinLimits;
}

/** The viewers of one track: one sequence, one ring, a group of the engine for each form of header. */
export class TrackFanout {
  /** Names this sequence in the state of a viewer. */
  readonly space = randomInt(2 ** 47);
  readonly #host: TrackHost;
  readonly #sequences = new SequenceSpace();
  readonly #ring = new PacketRing();
  readonly #queue: BurstQueue;
  readonly #groups = new Map<number, FanoutGroup>();
  #track: TrackDescriptor;
  #waiting: Joiner[] = [];
  /** Presentation time of the last key frame. */
  #keyPtsUs: number | undefined;
  /** Number of the queued packet before which those who wait begin. */
  #beginAt: number | undefined;
  #sentNext = 0;

  constructor(track: TrackDescriptor, host: TrackHost) {
    const { clock, timers, defer } = host.runtime;
    this.#track = track;
    this.#host = host;
    this.#queue = new BurstQueue({
      nowMs: () => clock.nowMs(),
      after: (ms, fn) => timers.after(ms, fn),
      defer,
      send: (burst) => this.#send(burst),
      startsBurst: ({ sequence }) => sequence === this.#beginAt,
    });
  }

  get track(): TrackDescriptor {
    return this.#track;
  }

  /** One more than the highest number sent to the groups. */
  get sentNext(): number {
    return this.#sentNext;
  }

  /** A new revision of the track; packets of an older one are too late from now on. */
  setTrack(track: TrackDescriptor): void {
    const isSameCodec = track.codec === this.#track.codec && track.clockRateHz === this.#track.clockRateHz;
    const hasRestarted = track.revision !== this.#track.revision;
    this.#track = track;
    if (hasRestarted) {
      this.#ring.endGroup();
      this.#sequences.changeFormat();
    }
    if (isSameCodec) return;
    this.#queue.flush();
    this.#queue.clear();
    this.#sentNext = this.#sequences.next;
    this.#sequences.restart();
    this.#ring.clear();
    this.#keyPtsUs = this.#beginAt = undefined;
  }

  /** Another publisher comes: its sequence numbers start anywhere, and nobody can go on from the pictures before. */
  restart(): void {
    this.#sequences.restart();
    this.#ring.endGroup();
    this.#keyPtsUs = undefined;
  }

  /** Takes a packet of the bus. */
  push(packet: MediaPacket): void {
    if (packet.track.revision < this.#track.revision) return;
    const plain = this.#plain(packet);
    if (plain === undefined) return;
    const sequence = this.#sequences.place(packet.sequence);
    if (sequence === undefined) return;
    if (packet.key && this.#track.kind === 'video') this.#noteKey(sequence, packet.ptsUs, packet.receivedAtMs);
    const kept: RingPacket = { rtp: plain.rtp, orientation: plain.orientation, sequence, atMs: this.#host.runtime.clock.nowMs() };
    this.#ring.put(kept, this.#host.joinLimits());
    if (this.#hasListeners()) this.#queue.push(kept, packet.marker);
    else this.#sentNext = Math.max(this.#sentNext, sequence + 1);
  }

  /** Adds a viewer to those who get what is sent from now on. */
  join(sender: RtpSender, header: MemberHeader, orientationId: number): FanoutMember {
    let group = this.#groups.get(orientationId);
    if (group === undefined) {
      group = this.#host.runtime.engine.openGroup();
      this.#groups.set(orientationId, group);
    }
    return group.add(sender, header);
  }

  /** Waits for the next key frame. */
  wait(joiner: Joiner): void {
    this.#waiting.push(joiner);
  }

  stopWaiting(joiner: Joiner): void {
    this.#waiting = this.#waiting.filter((other) => other !== joiner);
  }

  /** Nothing below that number is sent any more. */
  setFloor(sequence: number): void {
    this.#sequences.setFloor(sequence);
  }

  /** Number of the packet with which a viewer may begin at once; undefined where it has to wait for a key frame. */
  cachedStart(): number | undefined {
    return this.#ring.groupStart(this.#host.runtime.clock.nowMs(), this.#host.joinLimits());
  }

  /** A copy of a kept packet as that group's viewers got it, but for SSRC, payload type and sequence number. */
  kept(sequence: number, orientationId: number): Uint8Array | undefined {
    const packet = this.#ring.get(sequence);
    if (packet === undefined) return undefined;
    return orientationId === NO_ORIENTATION ? packet.rtp.slice() : withOrientation(packet, orientationId);
  }

  /** RTP timestamp of a time of the stream. */
  timestampOf(us: number): number {
    return (usToTicks(us, this.#track.clockRateHz) + this.#host.timestampBase) % 0x1_0000_0000;
  }

  close(): void {
    this.#queue.close();
    for (const group of this.#groups.values()) group.close();
    this.#groups.clear();
    this.#waiting = [];
    this.#ring.clear();
  }

  /** False while nobody would get what is sent: it need not be spread, and those who join find it in the ring. */
  #hasListeners(): boolean {
    if (this.#waiting.length > 0 || this.#queue.length > 0) return true;
    for (const group of this.#groups.values()) if (group.size > 0) return true;
    return false;
  }

  #plain(packet: MediaPacket): ReturnType<typeof toPlainPacket> | undefined {
    try {
      return toPlainPacket(packet.rtp, this.timestampOf(packet.ptsUs));
    } catch (error) {
      if (error instanceof ProtocolError) return undefined;
      throw error;
    }
  }

  #noteKey(sequence: number, ptsUs: number, nowMs: number): void {
    if (ptsUs === this.#keyPtsUs) {
      this.#ring.extendGroup(sequence);
      return;
    }
    this.#keyPtsUs = ptsUs;
    this.#ring.beginGroup(sequence, nowMs);
    if (this.#waiting.length > 0) this.#beginAt ??= sequence;
  }

  #send(burst: readonly RingPacket[]): void {
    const first = burst[0];
    if (first === undefined) return;
    if (first.sequence === this.#beginAt) this.#beginWaiting(first.sequence);
    for (const [orientationId, group] of this.#groups) {
      if (group.size === 0) continue;
      const isPlain = orientationId === NO_ORIENTATION || burst.every(({ orientation }) => orientation === undefined);
      const packets = isPlain ? burst : burst.map((packet) => ({ rtp: withOrientation(packet, orientationId), sequence: packet.sequence }));
      this.#contain(() => group.send(packets));
    }
    for (const { sequence } of burst) this.#sentNext = Math.max(this.#sentNext, sequence + 1);
  }

  /** One viewer's destination must not keep a packet from the others. */
  #contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#host.runtime.onFault(error, `RTP fan-out of ${this.#track.id}`);
    }
  }

  #beginWaiting(sequence: number): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#beginAt = undefined;
    for (const joiner of waiting) this.#contain(() => joiner.begin(sequence));
  }
}
