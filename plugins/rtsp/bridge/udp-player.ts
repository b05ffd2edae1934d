import { randomInt } from 'node:crypto';
import { ProtocolError, WcsError, type PluginContext, type RtpMapping, type RtpSender, type RtpViewer, type RtpViewerState, type Stream, type TrackDescriptor } from 'wcs-core';
import { encodeRtcp, parseRtcp, SDES_CNAME, type RtcpPacket } from 'wcs-core/rtp/rtcp';
import type { Player, PlayerPorts, PlayRequest, TrackStart } from '../server/media-port.ts';
import { ReportClock } from '../session/report-clock.ts';
import type { SetTrack } from '../session/session-state.ts';
import { isDescribedBy, RTSP_ACCEPT } from './acceptance.ts';

/** How often a reader is told which time it is. @see RFC 3550 section 6.2 */
const REPORT_MS = 5000;
const SSRC_MAX = 0xffff_ffff;

/** Plain data of a `UdpPlayer`. */
export interface UdpPlayerState {
  readonly reportBaseMs: number | undefined;
  readonly lines: readonly { readonly index: number; readonly ssrc: number; readonly viewer: RtpViewerState }[];
}

/** One track on its way to the reader's pair of ports. */
interface Line {
  readonly index: number;
  readonly ssrc: number;
  readonly rtcpPort: number;
  readonly sender: RtpSender;
  readonly viewer: RtpViewer;
  reportDueMs: number;
}

/** A reader whose packets go to ports of its own: a viewer of the stream's RTP fan-out for each track. */
export class UdpPlayer implements Player {
  readonly #ctx: PluginContext;
  readonly #ports: PlayerPorts;
  readonly #request: PlayRequest;
  readonly #stream: Stream;
  readonly #reportClock: ReportClock;
  #lines: readonly Line[] = [];
  #hasEnded = false;

  /**
   * @param state of a player of the previous version
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended
   */
  constructor(ctx: PluginContext, ports: PlayerPorts, request: PlayRequest, state?: UdpPlayerState) {
    const stream = ctx.media.find(request.name);
    if (stream === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${request.name} has ended.`);
    this.#ctx = ctx;
    this.#ports = ports;
    this.#request = request;
    this.#stream = stream;
    this.#reportClock = new ReportClock(state?.reportBaseMs);
    if (state !== undefined) this.#open(state);
  }

  get datagramBytes(): number {
    return this.#lines.reduce((sum, { sender }) => sum + sender.counters.bytes, 0);
  }

  /** Numbers and times of the packets are those of a fan-out that is the kernel's: readers take the first ones that come. */
  starts(): readonly TrackStart[] {
    return this.#request.set.map(({ index }) => ({ index }));
  }

  start(): void {
    this.#open();
    this.tick(performance.now());
  }

  rtcp(index: number, compound: Uint8Array): void {
    const line = this.#lines.find((other) => other.index === index);
    if (line === undefined) return;
    for (const packet of readRtcp(compound)) {
      if (packet.type === 'pli') line.viewer.onPli(packet.mediaSsrc);
      else if (packet.type === 'nack') line.viewer.onNack(packet.mediaSsrc, packet.sequences);
    }
  }

  tick(nowMs: number): void {
    for (const line of this.#lines) {
      if (nowMs < line.reportDueMs) continue;
      for (const { ssrc, rtpTimestamp, streamUs, packetCount, octetCount } of line.viewer.reports(nowMs)) {
        line.reportDueMs = nowMs + REPORT_MS;
        const items = [{ item: SDES_CNAME, text: this.#stream.id }];
        const compound = encodeRtcp([
          { type: 'senderReport', ssrc, ntp: this.#reportClock.ntpOf(streamUs, Date.now()), rtpTimestamp, packetCount, octetCount, reports: [] },
          { type: 'sourceDescription', chunks: [{ ssrc, items }] },
        ]);
        this.#ports.pair?.rtcp.send(compound, line.rtcpPort, this.#request.sink.address);
      }
    }
  }

  flush(): void {
    // Every packet is sent as it comes.
  }

  stop(): void {
    for (const { viewer, sender } of this.#lines) {
      viewer.close();
      sender.close();
    }
    this.#lines = [];
  }

  exportState(): UdpPlayerState {
    return { reportBaseMs: this.#reportClock.baseMs, lines: this.#lines.map(({ index, ssrc, viewer }) => ({ index, ssrc, viewer: viewer.state() })) };
  }

  #open(state?: UdpPlayerState): void {
    for (const set of this.#request.set) {
      const saved = state?.lines.find(({ index }) => index === set.index);
      const line = this.#lineOf(set, saved);
      if (line !== undefined) this.#lines = [...this.#lines, line];
    }
  }

  #lineOf({ index, path }: SetTrack, saved?: UdpPlayerState['lines'][number]): Line | undefined {
    const { session, tracks, sink, name } = this.#request;
    const described = tracks[index];
    const { pair } = this.#ports;
    if (described === undefined || path.type !== 'udp' || pair === undefined) return undefined;
    const [port, rtcpPort] = path.clientPorts;
    const ssrc = saved?.ssrc ?? randomInt(1, SSRC_MAX);
    const sender = this.#ctx.rtp.openSender({ destination: { type: 'udp', socket: pair.rtp, address: sink.address, port } }, session.scope);
    const mapping: RtpMapping = { ssrc, payloadType: described.payloadType };
    const viewer = this.#ctx.media.rtpFanout(this.#stream, session.scope).add({
      sender,
      label: `rtsp ${session.id} ${name}`,
      accept: RTSP_ACCEPT,
      map: (track) => this.#map(track, described.track, mapping),
      onEnd: (reason) => this.#end(reason),
      ...(saved === undefined ? {} : { resume: saved.viewer }),
    });
    return { index, ssrc, rtcpPort, sender, viewer, reportDueMs: 0 };
  }

  #map(track: TrackDescriptor, described: TrackDescriptor, mapping: RtpMapping): RtpMapping | undefined {
    if (track.id !== described.id) return undefined;
    if (isDescribedBy(track, described)) return mapping;
    this.#request.session.timers.after(0, () => this.#end('The stream has changed its format'));
    return undefined;
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#request.sink.onEnded(reason);
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
