import type { PluginContext, RtpMapping, RtpViewer, RtpViewerState, TrackDescriptor } from 'wcs-core';
import { ntpOfUnixMs } from 'wcs-core/rtp/ntp';
import { encodeRtcp, parseRtcp, SDES_CNAME, type RtcpPacket, type WritableRtcp } from 'wcs-core/rtp/rtcp';
import type { Player, PlayRequest } from '../server/media-port.ts';
import { acceptanceFor } from '../session/acceptance.ts';
import { LayerChoice, type LayerChoiceState, type OfferedLayer } from '../session/layer-choice.ts';
import { EXTENSION } from '../wire/negotiate-answer.ts';

/** A report gives its fraction in these parts. @see RFC 3550 section 6.4.1 */
const LOSS_SCALE = 256;
/** The first reports come each second, so that sound and picture are brought together soon. */
const QUICK_REPORTS = 3;
/** Later every third turn of a second: with many viewers they cost more than all else that is not media. @see RFC 3550 section 6.2 */
const REPORT_MS = 2500;

/** Plain data of an `RtpPlayer`. */
export interface RtpPlayerState {
  readonly viewer: RtpViewerState;
  readonly choice: LayerChoiceState;
  readonly videoId: string | undefined;
  readonly size: { readonly width: number; readonly height: number } | undefined;
  readonly videoOctets: { readonly sent: number; readonly told: number };
}

/** Sends one stream to one peer over one transport, and does what the peer asks for in RTCP. */
export class RtpPlayer implements Player {
  readonly #request: PlayRequest;
  readonly #viewer: RtpViewer;
  readonly #choice: LayerChoice;
  /** Of pictures and of their repetitions. */
  readonly #videoSsrcs: ReadonlySet<number>;
  /** Video tracks that the viewer may have, and the one of them that is sent or waited for. */
  #offered: readonly TrackDescriptor[] = [];
  #videoId: string | undefined;
  #size: { readonly width: number; readonly height: number } | undefined;
  #requested = { nacks: 0, keyFrames: 0 };
  /** Packets of all sources at the last turn, and those of the sender, RTCP among them. */
  #countedPackets = 0;
  #countedOfSender = 0;
  #reportsSent = 0;
  #reportDueMs = -Infinity;
  /** Payload of pictures as far as it was reported, and what of it `takeVideoBits` has told. */
  #videoOctets: { readonly sent: number; readonly told: number };

  /**
   * @param state of a player of the previous version
   * @throws WcsError when the stream has ended
   */
  constructor(ctx: PluginContext, request: PlayRequest, state?: RtpPlayerState) {
    const { stream, session, sender, media, sink } = request;
    this.#request = request;
    const video = media.filter(({ kind }) => kind === 'video').map((section) => request.sourceOf(section));
    this.#videoSsrcs = new Set(video.flatMap((source) => [source?.ssrc, source?.rtxSsrc]).filter((ssrc) => ssrc !== undefined));
    this.#choice = new LayerChoice(request.wish, state?.choice);
    this.#videoId = state?.videoId;
    this.#size = state?.size;
    this.#videoOctets = state?.videoOctets ?? { sent: 0, told: 0 };
    this.#viewer = ctx.media.rtpFanout(stream, session.scope).add({
      sender,
      label: `webrtc ${session.id}`,
      accept: acceptanceFor(media, request.wish, stream),
      map: (track, offered) => (this.#isChosen(track, offered) ? this.#mappingOf(track) : undefined),
      onTracks: (tracks) => this.#onTracks(tracks),
      onMissing: ({ kind, codec, remedy }) => {
        if (kind !== 'data') sink.onMissing(kind, codec, remedy);
      },
      onEnd: (reason) => sink.onEnded(reason),
      ...(state === undefined ? {} : { resume: state.viewer }),
    });
  }

  get facts(): Readonly<Record<string, unknown>> {
    return { ...this.#viewer.counters, ...this.#requested };
  }

  takeVideoBits(): number {
    const { sent, told } = this.#videoOctets;
    this.#videoOctets = { sent, told: sent };
    return (sent - told) * 8;
  }

  rtcp(compound: Uint8Array, receivedAtMs: number): void {
    for (const packet of parseRtcp(compound)) this.#onRtcp(packet, receivedAtMs);
  }

  /** Looks for the best layer and, where anything was sent in the last second, sends the reports that are due. @see RFC 3550 section 6.4 */
  tick(nowMs: number): void {
    this.#chooseLayer(nowMs);
    const { sender } = this.#request;
    // Most turns of a viewer whose publisher is silent end here, and there may be many.
    if (sender.counters.packets === this.#countedOfSender) return;
    this.#report(nowMs);
    this.#countedOfSender = sender.counters.packets;
  }

  #report(nowMs: number): void {
    const { packets } = this.#viewer.counters;
    if (packets === this.#countedPackets) return;
    this.#countedPackets = packets;
    const reports = this.#viewer.reports(nowMs);
    this.#noteVideo(reports);
    if (reports.length === 0 || nowMs < this.#reportDueMs) return;
    this.#reportsSent++;
    if (this.#reportsSent >= QUICK_REPORTS) this.#reportDueMs = nowMs + REPORT_MS;
    const ntp = ntpOfUnixMs(Date.now());
    const cname = [{ item: SDES_CNAME, text: this.#cname() }];
    // One packet for all tracks: each has its price in keys and system calls, and there are many viewers.
    const compound: WritableRtcp[] = reports.map(({ ssrc, rtpTimestamp, packetCount, octetCount }) => ({ type: 'senderReport', ssrc, ntp, rtpTimestamp, packetCount, octetCount, reports: [] }));
    this.#request.sender.sendRtcp(encodeRtcp([...compound, { type: 'sourceDescription', chunks: reports.map(({ ssrc }) => ({ ssrc, items: cname })) }]));
  }

  stop(): void {
    this.#viewer.close();
  }

  exportState(): RtpPlayerState {
    return { viewer: this.#viewer.state(), choice: this.#choice.exportState(), videoId: this.#videoId, size: this.#size, videoOctets: this.#videoOctets };
  }

  #noteVideo(reports: readonly { readonly ssrc: number; readonly octetCount: number }[]): void {
    let sent = 0;
    for (const { ssrc, octetCount } of reports) if (this.#videoSsrcs.has(ssrc)) sent += octetCount;
    // A line that waits for its key frame reports nothing.
    const { sent: before, told } = this.#videoOctets;
    this.#videoOctets = { sent: Math.max(sent, before), told };
  }

  #onRtcp(packet: RtcpPacket, nowMs: number): void {
    switch (packet.type) {
      case 'nack':
        this.#requested.nacks += packet.sequences.length;
        return this.#viewer.onNack(packet.mediaSsrc, packet.sequences);
      case 'pli':
        return this.#onKeyFrameRequest(packet.mediaSsrc);
      case 'fir':
        for (const { ssrc } of packet.entries) this.#onKeyFrameRequest(ssrc);
        return;
      case 'remb':
        return this.#choice.noteEstimate(packet.bitrateBps, nowMs);
      case 'senderReport':
      case 'receiverReport':
        for (const { ssrc, fractionLost } of packet.reports) if (ssrc === this.#videoSsrc()) this.#choice.noteLoss(fractionLost / LOSS_SCALE, nowMs);
        return;
      default:
    }
  }

  #onKeyFrameRequest(ssrc: number): void {
    this.#requested.keyFrames++;
    this.#viewer.onPli(ssrc);
  }

  /** Of several tracks with the same picture one is sent. */
  #isChosen(track: TrackDescriptor, offered: readonly TrackDescriptor[]): boolean {
    if (track.kind !== 'video') return true;
    // It is asked for one track after the other; the choice is one.
    if (track === offered.find(({ kind }) => kind === 'video')) {
      this.#offered = offered.filter(({ kind }) => kind === 'video');
      this.#videoId = this.#offered.length === 1 ? track.id : this.#choice.choose(this.#layers(), this.#videoId);
    }
    return track.id === this.#videoId;
  }

  #chooseLayer(nowMs: number): void {
    if (this.#offered.length < 2) return;
    this.#choice.tick(this.#layers(), this.#videoId, nowMs);
    this.#viewer.remap();
  }

  #layers(): OfferedLayer[] {
    const { tracks, layers } = this.#request.stream.stats;
    const rates = new Map([...tracks, ...layers].map(({ trackId, bitrateBps }) => [trackId, bitrateBps]));
    return this.#offered.map(({ id, width, height }) => ({ id, width, height, bitrateBps: rates.get(id) }));
  }

  #videoSsrc(): number | undefined {
    const media = this.#request.media.find(({ kind }) => kind === 'video');
    return media === undefined ? undefined : this.#request.sourceOf(media)?.ssrc;
  }

  /** The viewer's own numbers for a track; undefined for one that it cannot take. */
  #mappingOf(track: TrackDescriptor): RtpMapping | undefined {
    const media = this.#request.media.find(({ kind }) => kind === track.kind);
    const codec = media?.codecs.find((candidate) => candidate.codec === track.codec);
    const source = media === undefined ? undefined : this.#request.sourceOf(media);
    if (media === undefined || codec === undefined || source === undefined) return undefined;
    const { payloadType, rtxPayloadType } = codec;
    const rtx = rtxPayloadType === undefined || source.rtxSsrc === undefined ? undefined : { ssrc: source.rtxSsrc, payloadType: rtxPayloadType };
    const orientation = media.extensions.find(({ uri }) => uri === EXTENSION.orientation)?.id;
    return { ssrc: source.ssrc, payloadType, ...(rtx === undefined ? {} : { rtx }), ...(orientation === undefined ? {} : { orientationExtensionId: orientation }) };
  }

  #onTracks(tracks: readonly TrackDescriptor[]): void {
    const { width, height } = tracks.find(({ kind }) => kind === 'video') ?? {};
    if (width === undefined || height === undefined || (width === this.#size?.width && height === this.#size.height)) return;
    this.#size = { width, height };
    this.#request.sink.onResize(width, height);
  }

  #cname(): string {
    const [media] = this.#request.media;
    return (media === undefined ? undefined : this.#request.sourceOf(media)?.cname) ?? this.#request.session.id;
  }
}
