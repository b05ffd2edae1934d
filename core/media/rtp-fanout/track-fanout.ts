import { randomInt } from 'node:crypto';
import { ProtocolError } from '../../errors/wcs-error.ts';
import type { FanoutGroup, FanoutMember, FanoutPacket, MemberHeader, RtpSender } from '../../rtp/fanout/engine.ts';
import { usToTicks, type MediaPacket } from '../frame.ts';
import type { TrackDescriptor } from '../track.ts';
import { rtpTimestamp, setRtpTimestamp } from '../../rtp/packet.ts';
import { BurstQueue } from './burst-queue.ts';
import { PacketRing, type JoinLimits, type RingPacket } from './packet-ring.ts';
import { toPlainPacket, withOrientation } from './rewrite.ts';
import type { RtpFanoutRuntime } from './runtime.ts';
import { SequenceSpace } from './sequence-space.ts';

/** Group of the viewers that negotiated no orientation extension. */
export const NO_ORIENTATION = 0;

/** A viewer's side that waits for the next key frame of a track. */
export interface Joiner {
  /** The next packet sent has this number and this RTP timestamp, and begins a picture. */
  begin(sequence: number, timestamp: number): void;
}

/** In which form a group's viewers get the packets. */
export interface HeaderForm {
  /** Id of the orientation extension, or `NO_ORIENTATION`. */
  readonly orientationId: number;
  /** Added to the timestamps, in ticks. */
  readonly shiftTicks: number;
}

interface FormedGroup {
  readonly form: HeaderForm;
  readonly group: FanoutGroup;
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
  readonly #groups: FormedGroup[] = [];
  #track: TrackDescriptor;
  #waiting: Joiner[] = [];
  /** Presentation time of the last key frame. */
  #keyPtsUs: number | undefined;
  /** Number of the queued packet before which those who wait begin. */
  #beginAt: number | undefined;
  #sentNext = 0;
  #sentTimestamp = 0;
  /** Viewers that may ask for packets again. */
  #askers = 0;

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

  /** RTP timestamp of the last packet sent to the groups. */
  get sentTimestamp(): number {
    return this.#sentTimestamp;
  }

  /** False while nobody would get what is sent: it need not be spread, and those who join find it in the ring. */
  get hasListeners(): boolean {
    return this.#waiting.length > 0 || this.#queue.length > 0 || this.#groups.some(({ group }) => group.size > 0);
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
    // Who joins begins with a picture that is kept, but with the sound of now.
    if (this.#askers > 0 || this.#track.kind === 'video') this.#ring.put(kept, this.#host.joinLimits());
    // A packet of sound is a frame.
    if (this.hasListeners) this.#queue.push(kept, packet.marker || this.#track.kind === 'audio');
    else this.#noteSent(kept);
  }

  /** Adds a viewer to those who get what is sent from now on. */
  join(sender: RtpSender, header: MemberHeader, form: HeaderForm): FanoutMember {
    let formed = this.#groups.find((other) => other.form.orientationId === form.orientationId && other.form.shiftTicks === form.shiftTicks);
    if (formed === undefined) {
      formed = { form, group: this.#host.runtime.engine.openGroup() };
      this.#groups.push(formed);
    }
    return formed.group.add(sender, header);
  }

  /** So many more viewers may ask for packets again, or fewer. */
  keepFor(askers: number): void {
    this.#askers += askers;
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

  keeps(sequence: number): boolean {
    return this.#ring.get(sequence) !== undefined;
  }

  /** A copy of a kept packet as that group's viewers got it, but for SSRC, payload type and sequence number. */
  kept(sequence: number, form: HeaderForm): Uint8Array | undefined {
    const packet = this.#ring.get(sequence);
    return packet === undefined ? undefined : inForm(packet, form);
  }

  /** Sends the kept packets of a range to one viewer, as its group got them, in bursts; answers what was sent. */
  sendKept(from: number, to: number, sender: RtpSender, header: MemberHeader, form: HeaderForm): Pick<FanoutMember, 'packets' | 'octets'> {
    const kept: FanoutPacket[] = [];
    for (let sequence = from; sequence < to; sequence += 1) {
      const packet = this.#ring.get(sequence);
      if (packet !== undefined) kept.push(isPlainIn(packet, form) ? packet : { rtp: inForm(packet, form), sequence });
    }
    const group = this.#host.runtime.engine.openGroup();
    try {
      const member = group.add(sender, header);
      group.send(kept);
      return { packets: member.packets, octets: member.octets };
    } finally {
      group.close();
    }
  }

  /** RTP timestamp of a time of the stream. */
  timestampOf(us: number): number {
    return (usToTicks(us, this.#track.clockRateHz) + this.#host.timestampBase) % 0x1_0000_0000;
  }

  close(): void {
    this.#queue.close();
    for (const { group } of this.#groups.splice(0)) group.close();
    this.#waiting = [];
    this.#ring.clear();
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
    if (first.sequence === this.#beginAt) this.#beginWaiting(first);
    for (const { form, group } of this.#groups) {
      if (group.size === 0) continue;
      const packets = burst.every((packet) => isPlainIn(packet, form)) ? burst : burst.map((packet) => ({ rtp: inForm(packet, form), sequence: packet.sequence }));
      this.#contain(() => group.send(packets));
    }
    for (const packet of burst) this.#noteSent(packet);
  }

  #noteSent({ sequence, rtp }: RingPacket): void {
    if (sequence < this.#sentNext) return;
    this.#sentNext = sequence + 1;
    this.#sentTimestamp = rtpTimestamp(rtp);
  }

  /** One viewer's destination must not keep a packet from the others. */
  #contain(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#host.runtime.onFault(error, `RTP fan-out of ${this.#track.id}`);
    }
  }

  #beginWaiting({ sequence, rtp }: RingPacket): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#beginAt = undefined;
    for (const joiner of waiting) this.#contain(() => joiner.begin(sequence, rtpTimestamp(rtp)));
  }
}

/** True where a packet's plain form is what the viewers get. */
function isPlainIn({ orientation }: RingPacket, { orientationId, shiftTicks }: HeaderForm): boolean {
  return shiftTicks === 0 && (orientationId === NO_ORIENTATION || orientation === undefined);
}

function inForm(packet: RingPacket, { orientationId, shiftTicks }: HeaderForm): Uint8Array {
  const rtp = orientationId === NO_ORIENTATION ? new Uint8Array(packet.rtp) : withOrientation(packet, orientationId);
  if (shiftTicks !== 0) setRtpTimestamp(rtp, rtpTimestamp(rtp) + shiftTicks);
  return rtp;
}
