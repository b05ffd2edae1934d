import { HeldPackets, TrackWriter, type HeldPacket, type MediaPacket, type Publication, type TrackDescriptor, type TrackWriterState, type WrittenTrack } from 'wcs-core';
import { BUS_EXTENSION_ID } from 'wcs-core/rtp/bus-extensions';
import { mapHeaderExtensions } from 'wcs-core/rtp/header-extensions';
import { rtpPayloadType, rtpSsrc, rtpTimestamp, withoutPadding } from 'wcs-core/rtp/packet';
import { encodeRtcp, parseRtcp, type ReportBlock, type SenderReport, type WritableRtcp } from 'wcs-core/rtp/rtcp';
import type { Publisher, PublishSink } from '../server/media-port.ts';
import { PublisherClock, type PublisherClockState } from 'wcs-core/rtp/publisher-clock';
import { ReceivedSource, type ReceivedSourceState } from 'wcs-core/rtp/received-source';
import { originalOf } from '../session/rtx.ts';
import { SourceRouter, type SourceRouterState } from '../session/source-router.ts';
import { withoutPictureId } from '../session/vp8-descriptor.ts';
import { EXTENSION, type AcceptedMedia, type NegotiatedCodec } from '../wire/negotiate-answer.ts';
import { LayeredPicture, type LayeredPictureState } from './layered-picture.ts';

/** How often a publisher is told how it is received, and how much it may send. */
const REPORT_MS = 1000;
const ESTIMATE_MS = 500;
/** Least time between two key frames that are asked for because packets were given up, or the format is unknown. */
const KEY_FRAME_MS = 500;
/** In the first byte of a packet. @see RFC 3550 section 5.1 */
const EXTENSION_BIT = 0x10;

/** What a publisher is made of. */
export interface RtpPublisherOptions {
  readonly publication: Publication;
  readonly media: readonly AcceptedMedia[];
  /** What the publisher may send, bits per second. */
  readonly maxBitrateBps: number;
  /** Our own SSRC in reports and feedback. */
  readonly ssrc: number;
  readonly sink: PublishSink;
}

/** Plain data of an `RtpPublisher`. */
export interface RtpPublisherState {
  readonly ssrc: number;
  readonly router: SourceRouterState;
  readonly clock: PublisherClockState;
  readonly sources: readonly { readonly ssrc: number; readonly index: number; readonly trackId: string; readonly state: ReceivedSourceState }[];
  readonly sections: readonly SectionState[];
  /** Undefined once the tracks are announced. */
  readonly held: readonly HeldPacket[] | undefined;
  readonly lastPacketMs: number | undefined;
  readonly firCount: number;
}

interface SectionState {
  readonly index: number;
  readonly tracks: readonly { readonly id: string; readonly state: TrackWriterState }[];
  readonly picture: LayeredPictureState | undefined;
}

interface Section {
  readonly media: AcceptedMedia;
  readonly codec: NegotiatedCodec;
  /** One, or one for each layer, by RID. */
  readonly writers: ReadonlyMap<string | undefined, TrackWriter>;
  /** What the layers make together; undefined without simulcast. */
  readonly picture: LayeredPicture | undefined;
  /** Negotiated ids of the header extensions that go along, and the ids that they have on the bus. */
  readonly busIds: ReadonlyMap<number, number>;
}

interface Source extends Section {
  readonly writer: TrackWriter;
  readonly received: ReceivedSource;
}

/** Turns the RTP of one publisher into tracks and packets of its publication, and tells it how it is received. */
export class RtpPublisher implements Publisher {
  readonly #options: RtpPublisherOptions;
  readonly #router: SourceRouter;
  readonly #clock: PublisherClock;
  readonly #sections: ReadonlyMap<number, Section>;
  readonly #sources = new Map<number, Source>();
  readonly #held: HeldPackets;
  #lastPacketMs: number | undefined;
  #videoBits = 0;
  #reportDueMs = 0;
  #estimateDueMs = 0;
  #keyFrameDueMs = 0;
  #firCount: number;

  constructor(options: RtpPublisherOptions, state?: RtpPublisherState) {
    const { media } = options;
    this.#options = options;
    this.#router = new SourceRouter(media, state?.router);
    const saved = new Map(state?.sections.map((section) => [section.index, section]));
    this.#sections = new Map(media.flatMap((section) => section.codecs.slice(0, 1).map((codec) => [section.index, sectionOf(section, codec, saved.get(section.index))])));
    for (const source of state?.sources ?? []) {
      const section = this.#sections.get(source.index);
      const writer = section === undefined ? undefined : writerOf(section, source.trackId);
      if (section !== undefined && writer !== undefined) this.#addSource(section, writer, source.ssrc, source.state);
    }
    const writers = [...this.#sections.values()].flatMap((section) => [...section.writers.values()]);
    this.#clock = new PublisherClock((writers.find(({ id }) => id === 'audio') ?? writers[0])?.id ?? '', state?.clock);
    this.#held = HeldPackets.from(state);
    this.#lastPacketMs = state?.lastPacketMs;
    this.#firCount = state?.firCount ?? 0;
  }

  exportState(): RtpPublisherState {
    return {
      ssrc: this.#options.ssrc,
      router: this.#router.exportState(),
      clock: this.#clock.exportState(),
      sources: [...this.#sources].map(([ssrc, { media, writer, received }]) => ({ ssrc, index: media.index, trackId: writer.id, state: received.exportState() })),
      sections: [...this.#sections].map(([index, { writers, picture }]) => ({
        index,
        tracks: [...writers.values()].map((writer) => ({ id: writer.id, state: writer.exportState() })),
        picture: picture?.exportState(),
      })),
      held: this.#held.exportState(),
      lastPacketMs: this.#lastPacketMs,
      firCount: this.#firCount,
    };
  }

  get lastPacketMs(): number | undefined {
    return this.#lastPacketMs;
  }

  get facts(): Readonly<Record<string, unknown>> {
    return Object.fromEntries([...this.#sources.values()].map(({ writer, received }) => [writer.id, { packets: received.packets, lost: received.lost, jitterMs: Math.round(received.jitterMs) }]));
  }

  takeVideoBits(): number {
    const bits = this.#videoBits;
    this.#videoBits = 0;
    return bits;
  }

  rtp(packet: Uint8Array, indices: readonly number[], receivedAtMs: number): void {
    const route = this.#router.route(packet, indices);
    const section = route === undefined ? undefined : this.#sections.get(route.index);
    const writer = section?.writers.get(route?.rid);
    if (route === undefined || section === undefined || writer === undefined) return;
    this.#lastPacketMs = receivedAtMs;
    if (section.media.kind === 'video') this.#videoBits += packet.length * 8;
    const { payloadType } = section.codec;
    if (route.repeats === undefined) {
      if (rtpPayloadType(packet) === payloadType) this.#take(section, writer, packet, receivedAtMs, false);
      return;
    }
    const original = originalOf(packet, route.repeats, payloadType);
    if (original !== undefined) this.#take(section, writer, original, receivedAtMs, true);
  }

  rtcp(compound: Uint8Array, receivedAtMs: number): void {
    for (const packet of parseRtcp(compound)) if (packet.type === 'senderReport') this.#onSenderReport(packet, receivedAtMs);
  }

  tick(nowMs: number): void {
    for (const source of this.#sources.values()) this.#askForLost(source, nowMs);
    if (this.#held.isHolding) this.#announceWhenReady(nowMs);
    else for (const section of this.#sections.values()) if (section.picture !== undefined) this.#lookAfterLayers(section.picture, nowMs);
    if (nowMs >= this.#estimateDueMs) {
      this.#estimateDueMs = nowMs + ESTIMATE_MS;
      this.#sendEstimate();
      this.#askForFormats(nowMs);
    }
    if (nowMs >= this.#reportDueMs) {
      this.#reportDueMs = nowMs + REPORT_MS;
      this.#sendReports(nowMs);
    }
  }

  end(reason: string): void {
    this.#options.publication.end(reason);
  }

  /** Asks the sender of a track for a key frame. */
  requestKeyFrame(trackId: string): void {
    for (const { media, picture } of this.#sections.values()) {
      const id = media.kind === trackId ? picture?.wantedLayerId(this.#lastPacketMs ?? 0) : undefined;
      if (id !== undefined) return this.requestKeyFrame(id);
    }
    for (const source of this.#sources.values()) if (source.writer.id === trackId) this.#requestKeyFrame(source);
  }

  #take(section: Section, writer: TrackWriter, rtp: Uint8Array, receivedAtMs: number, isRepeated: boolean): void {
    const { media, codec, picture } = section;
    const mapped = onBus(rtp, section.busIds);
    const plain = picture !== undefined && codec.codec === 'vp8' ? withoutPictureId(mapped) : mapped;
    const ssrc = rtpSsrc(plain);
    const source = this.#sources.get(ssrc) ?? this.#addSource(section, writer, ssrc);
    const sequence = source.received.received(plain, receivedAtMs, isRepeated);
    if (sequence === undefined) return;
    const ptsUs = this.#clock.timeUs(writer.id, codec.clockRateHz, rtpTimestamp(plain), receivedAtMs);
    const before = writer.track;
    const packet = writer.packet(plain, sequence, ptsUs, receivedAtMs);
    if (packet === undefined) return;
    const hasChanged = picture === undefined ? packet.track !== before : picture.note(packet);
    if (this.#held.isHolding) return this.#hold(media.index, packet);
    if (hasChanged) this.#options.publication.setTracks(this.#tracks());
    this.#write(section, packet);
  }

  /** Writes a packet whose track is announced, and that which it makes of the picture if it is of the layer in use. */
  #write({ picture }: Section, packet: MediaPacket): void {
    const { publication } = this.#options;
    const before = picture?.tracks[0];
    const own = picture?.packet(packet);
    if (own !== undefined && own.track !== before) publication.setTracks(this.#tracks());
    if (own !== undefined) publication.writePacket(own);
    publication.writePacket(packet);
  }

  #addSource(section: Section, writer: TrackWriter, ssrc: number, state?: ReceivedSourceState): Source {
    const { clockRateHz, feedback } = section.codec;
    const source: Source = { ...section, writer, received: new ReceivedSource(ssrc, clockRateHz, feedback.includes('nack'), state) };
    this.#sources.set(ssrc, source);
    return source;
  }

  #hold(index: number, packet: MediaPacket): void {
    this.#held.hold(index, packet);
    this.#announceWhenReady(packet.receivedAtMs);
  }

  #announceWhenReady(nowMs: number): void {
    const sections = [...this.#sections.values()];
    const held = this.#held.release(nowMs, () => sections.every(({ writers }) => [...writers.values()].every(({ track }) => track !== undefined)));
    if (held === undefined) return;
    for (const { picture } of sections) picture?.begin(nowMs);
    this.#options.publication.setTracks(this.#tracks());
    for (const { index, packet } of held) {
      // The format may have become better known since.
      const section = this.#sections.get(index);
      if (section === undefined) continue;
      const track = writerOf(section, packet.track.id)?.track ?? packet.track;
      this.#write(section, track === packet.track ? packet : { ...packet, track });
    }
  }

  #tracks(): TrackDescriptor[] {
    return [...this.#sections.values()].flatMap(({ writers, picture }) => picture?.tracks ?? [...writers.values()].flatMap(({ track }) => track ?? []));
  }

  #lookAfterLayers(picture: LayeredPicture, nowMs: number): void {
    if (picture.noteSilence()) this.#options.publication.setTracks(this.#tracks());
    if (nowMs < this.#keyFrameDueMs || !picture.awaitsKeyFrame(nowMs)) return;
    this.#keyFrameDueMs = nowMs + KEY_FRAME_MS;
    this.requestKeyFrame(picture.wantedLayerId(nowMs) ?? '');
  }

  #onSenderReport(report: SenderReport, nowMs: number): void {
    const source = this.#sources.get(report.ssrc);
    if (source === undefined) return;
    source.received.senderReport(report.ntp, nowMs);
    this.#clock.report(source.writer.id, report.ntp, report.rtpTimestamp);
  }

  #askForLost(source: Source, nowMs: number): void {
    const losses = source.received.losses(nowMs);
    if (losses === undefined) return;
    const { ssrc } = this.#options;
    if (losses.sequences.length > 0) this.#send(source.media, { type: 'nack', senderSsrc: ssrc, mediaSsrc: source.received.ssrc, sequences: losses.sequences });
    if (!losses.givenUp || source.media.kind !== 'video' || nowMs < this.#keyFrameDueMs) return;
    this.#keyFrameDueMs = nowMs + KEY_FRAME_MS;
    this.#requestKeyFrame(source);
  }

  /** A picture whose beginning was missed has to begin anew. */
  #askForFormats(nowMs: number): void {
    if (nowMs < this.#keyFrameDueMs) return;
    for (const source of this.#sources.values()) {
      if (source.media.kind !== 'video' || source.writer.track !== undefined) continue;
      this.#keyFrameDueMs = nowMs + KEY_FRAME_MS;
      this.#requestKeyFrame(source);
    }
  }

  #requestKeyFrame({ media, codec: { feedback }, received }: Source): void {
    const { ssrc: senderSsrc } = this.#options;
    if (feedback.includes('nack pli')) return this.#send(media, { type: 'pli', senderSsrc, mediaSsrc: received.ssrc });
    if (!feedback.includes('ccm fir')) return;
    this.#firCount = (this.#firCount + 1) & 0xff;
    this.#send(media, { type: 'fir', senderSsrc, entries: [{ ssrc: received.ssrc, commandSequence: this.#firCount }] });
  }

  #sendEstimate(): void {
    const sources = [...this.#sources.values()].filter(({ codec }) => codec.feedback.includes('goog-remb'));
    const [first] = sources;
    if (first === undefined) return;
    this.#send(first.media, { type: 'remb', senderSsrc: this.#options.ssrc, bitrateBps: this.#options.maxBitrateBps, ssrcs: sources.map(({ received }) => received.ssrc) });
  }

  #sendReports(nowMs: number): void {
    for (const { media, received } of this.#sources.values()) {
      const block = received.reportBlock(nowMs);
      if (block !== undefined) this.#send(media, undefined, [block]);
    }
  }

  /** Every compound begins with a report, so that peers without RFC 5506 take it. */
  #send(media: AcceptedMedia, feedback: WritableRtcp | undefined, reports: readonly ReportBlock[] = []): void {
    const report: WritableRtcp = { type: 'receiverReport', ssrc: this.#options.ssrc, reports };
    this.#options.sink.sendRtcp(media.index, encodeRtcp(feedback === undefined ? [report] : [report, feedback]));
  }
}

function sectionOf(media: AcceptedMedia, codec: NegotiatedCodec, state: SectionState | undefined): Section {
  const orientation = media.extensions.find(({ uri }) => uri === EXTENSION.orientation);
  const busIds = new Map(orientation === undefined ? [] : [[orientation.id, BUS_EXTENSION_ID.orientation]]);
  const saved = new Map(state?.tracks.map((track) => [track.id, track.state]));
  const writers = (media.rids.length === 0 ? [undefined] : media.rids).map((rid): [string | undefined, TrackWriter] => {
    const track = writtenTrackOf(media, codec, rid);
    return [rid, new TrackWriter(track, saved.get(track.id))];
  });
  return { media, codec, writers: new Map(writers), picture: media.rids.length === 0 ? undefined : new LayeredPicture(state?.picture), busIds };
}

function writtenTrackOf({ kind }: AcceptedMedia, { codec, clockRateHz }: NegotiatedCodec, rid: string | undefined): WrittenTrack {
  const id = rid === undefined ? kind : `${kind}:${rid}`;
  return { id, kind, codec, clockRateHz, ...(rid === undefined ? {} : { layerOf: kind }) };
}

function writerOf({ writers }: Section, trackId: string): TrackWriter | undefined {
  return [...writers.values()].find(({ id }) => id === trackId);
}

/** The packet as the bus carries it: without padding, and with header extensions under the bus's own ids. */
function onBus(rtp: Uint8Array, busIds: ReadonlyMap<number, number>): Uint8Array {
  return ((rtp[0] ?? 0) & EXTENSION_BIT) === 0 ? withoutPadding(rtp) : mapHeaderExtensions(rtp, busIds);
}
