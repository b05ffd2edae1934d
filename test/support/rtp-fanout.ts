import type { Codec } from '../../core/media/codecs.ts';
import type { MediaFrame, MediaPacket } from '../../core/media/frame.ts';
import type { MediaBus } from '../../core/media/media-bus.ts';
import type { Publication, PublisherCallbacks } from '../../core/media/publication.ts';
import { RtpFanouts } from '../../core/media/rtp-fanouts.ts';
import type { RtpViewer, RtpViewerOptions } from '../../core/media/rtp-fanout/viewer.ts';
import type { MediaSettings } from '../../core/media/runtime.ts';
import type { TrackDescriptor } from '../../core/media/track.ts';
import type { FanoutEngine, FanoutGroup, FanoutMember, FanoutPacket, MemberHeader, RtpSender } from '../../core/rtp/fanout/engine.ts';
import { encodeRtp, parseRtp, rtpHeaderLength, setRtpPayloadType, setRtpSequenceNumber, setRtpSsrc, type RtpPacket } from '../../core/rtp/packet.ts';
import type { FakeTime } from './fake-time.ts';
import { makeBus, META } from './media.ts';

export const RTP_VIDEO: TrackDescriptor = { id: 'video', kind: 'video', codec: 'vp8', clockRateHz: 90_000, revision: 1 };
export const RTP_AUDIO: TrackDescriptor = { id: 'audio', kind: 'audio', codec: 'opus', clockRateHz: 48_000, revision: 1, sampleRateHz: 48_000, channels: 2 };

/** A packet as it left, with the extended sequence number that it was protected under. */
export interface SentPacket extends RtpPacket {
  readonly extended: number;
  readonly bytes: Uint8Array;
}

/** A sender that keeps what it is given. */
export class RecordingSender implements RtpSender {
  readonly sent: SentPacket[] = [];
  readonly counters = { packets: 0, bytes: 0, dropped: 0 };
  readonly srtcpIndex = 0;
  /** What the next send throws. */
  failure: Error | undefined;

  setDestination(): void {
    throw new Error('not part of this test');
  }

  sendRtp(packet: Uint8Array, sequence: number): void {
    if (this.failure !== undefined) throw this.failure;
    const bytes = new Uint8Array(packet);
    this.sent.push({ ...parseRtp(bytes), extended: sequence, bytes });
  }

  sendRtcp(): void {
    throw new Error('not part of this test');
  }

  close(): void {
    this.sent.length = 0;
  }

  of(ssrc: number): SentPacket[] {
    return this.sent.filter((packet) => packet.ssrc === ssrc);
  }
}

/** An engine that writes the headers of the members and records; keeps the sizes of all bursts. */
export class RecordingEngine implements Pick<FanoutEngine, 'openGroup'> {
  readonly bursts: number[] = [];
  openGroups = 0;

  openGroup(): FanoutGroup {
    const members = new Set<{ sender: RtpSender; header: MemberHeader; packets: number; octets: number }>();
    this.openGroups += 1;
    return {
      get size() {
        return members.size;
      },
      add: (sender, header): FanoutMember => {
        const member = { sender, header, packets: 0, octets: 0, remove: () => void members.delete(member) };
        members.add(member);
        return member;
      },
      send: (burst: readonly FanoutPacket[]) => {
        this.bursts.push(burst.length);
        for (const member of members) {
          for (const { rtp, sequence } of burst) {
            const copy = new Uint8Array(rtp);
            const extended = sequence + member.header.sequenceOffset;
            setRtpSsrc(copy, member.header.ssrc);
            setRtpPayloadType(copy, member.header.payloadType);
            setRtpSequenceNumber(copy, extended);
            member.sender.sendRtp(copy, extended);
            member.packets += 1;
            member.octets += rtp.length - rtpHeaderLength(rtp);
          }
        }
      },
      close: () => {
        members.clear();
        this.openGroups -= 1;
      },
    };
  }
}

/** A bus with one stream, its publisher, and fan-outs over a recording engine. */
export class FanoutStage {
  readonly bus: MediaBus;
  readonly time: FakeTime;
  readonly faults: unknown[];
  readonly engine = new RecordingEngine();
  readonly fanouts: RtpFanouts;
  readonly keyFrameRequests: string[] = [];
  readonly #deferred: (() => void)[] = [];
  publication: Publication;
  readonly #sequences = new Map<string, number>();

  constructor(tracks: readonly TrackDescriptor[] = [RTP_VIDEO, RTP_AUDIO], options: { readonly makesKeyFrames?: boolean; readonly settings?: Partial<MediaSettings> } = {}) {
    const { bus, time, faults } = makeBus(options.settings);
    this.bus = bus;
    this.time = time;
    this.faults = faults;
    this.fanouts = new RtpFanouts({ clock: time, timers: time, defer: (fn) => void this.#deferred.push(fn), engine: this.engine, onFault: (error) => void faults.push(error) });
    this.publication = this.publish(tracks, options.makesKeyFrames ?? true);
  }

  /** Publishes (again). */
  publish(tracks: readonly TrackDescriptor[], makesKeyFrames = true): Publication {
    const callbacks: PublisherCallbacks = makesKeyFrames ? { onKeyFrameRequest: (trackId) => void this.keyFrameRequests.push(trackId) } : {};
    this.publication = this.bus.publish({ name: 'live', owner: 'me', meta: META, ...callbacks });
    this.publication.setTracks(tracks);
    return this.publication;
  }

  /** Runs what was put off to the end of the turn. */
  turn(): void {
    for (const fn of this.#deferred.splice(0)) fn();
  }

  add(options: Partial<RtpViewerOptions> = {}): { readonly viewer: RtpViewer; readonly sender: RecordingSender; readonly log: string[] } {
    const sender = new RecordingSender();
    const log: string[] = [];
    const viewer = this.fanouts.of(this.publication.stream).add({
      sender,
      label: 'viewer',
      map: (track) => (track.kind === 'video' ? { ssrc: 1, payloadType: 96 } : { ssrc: 2, payloadType: 111 }),
      onTracks: (tracks) => void log.push(`tracks ${tracks.map(({ id, codec }) => `${id}:${codec}`).join(',')}`),
      onMissing: ({ kind, codec }) => void log.push(`missing ${kind}:${codec}`),
      onSuspend: () => void log.push('suspend'),
      onResume: () => void log.push('resume'),
      onEnd: (reason) => void log.push(`end ${reason}`),
      ...options,
    });
    return { viewer, sender, log };
  }

  /** Writes a frame of that many packets at `ms` of the publisher's clock and ends the turn. */
  frame(ms: number, options: { readonly key?: boolean; readonly packets?: number; readonly track?: TrackDescriptor; readonly step?: number } = {}): void {
    const { key = false, packets = 2, track = RTP_VIDEO } = options;
    for (let index = 0; index < packets; index += 1) {
      const step = index === 0 ? (options.step ?? 1) : 1;
      const sequence = (this.#sequences.get(track.id) ?? 70_000) + step;
      this.#sequences.set(track.id, sequence);
      this.publication.writePacket(this.packet(ms, sequence, { key, marker: index === packets - 1, track, index }));
    }
    this.turn();
  }

  /** A packet whose payload names its time and index. */
  packet(ms: number, sequence: number, options: { readonly key?: boolean; readonly marker?: boolean; readonly track?: TrackDescriptor; readonly index?: number; readonly extension?: RtpPacket['extension'] } = {}): MediaPacket {
    const { key = false, marker = true, track = RTP_VIDEO, index = 0, extension } = options;
    const payload = new TextEncoder().encode(`${key ? 'K' : 'P'}${ms}.${index}`);
    const rtp = encodeRtp({ payloadType: 120, marker, sequenceNumber: sequence, timestamp: 12_345, ssrc: 0x9999, payload, extension });
    return { track, rtp, sequence, ptsUs: ms * 1000, marker, key, receivedAtMs: this.time.nowMs() };
  }

  audio(ms: number): void {
    this.frame(ms, { key: true, packets: 1, track: RTP_AUDIO });
  }
}

/** The payloads as text, e.g. `K0.1`. */
export function payloads(packets: readonly RtpPacket[]): string[] {
  return packets.map(({ payload }) => new TextDecoder().decode(payload));
}

/** A packetiser for frames: packets of four bytes of the frame's data, counted from 0. */
export function toyPacketiser(codecs: readonly Codec[]): Parameters<MediaBus['registerConverter']>[0] {
  return {
    type: 'packetiser',
    codecs,
    open: (_track, emit) => {
      let sequence = 0;
      return {
        write: ({ track, ptsUs, key, data, receivedAtMs }: MediaFrame) => {
          for (let from = 0; from < data.length; from += 4) {
            const marker = from + 4 >= data.length;
            const payload = new TextEncoder().encode(`${key ? 'K' : 'P'}${ptsUs / 1000}.${from / 4}`);
            emit({ track, rtp: encodeRtp({ payloadType: 96, marker, sequenceNumber: sequence, timestamp: 0, ssrc: 0, payload }), sequence, ptsUs, marker, key, receivedAtMs });
            sequence += 1;
          }
        },
        close: () => undefined,
      };
    },
  };
}
