import { randomInt } from 'node:crypto';
import { isSameFormat, StreamClock, type FanoutViewer, type MediaPacket, type PluginContext, type Scope, type Stream, type TcpFanout, type TrackDescriptor } from 'wcs-core';
import { ByteWriter } from 'wcs-core/formats/byte-writer';
import { encodeRtcp, SDES_CNAME } from 'wcs-core/rtp/rtcp';
import type { TrackStart } from '../server/media-port.ts';
import { ReportClock } from '../session/report-clock.ts';
import type { RtspSettings } from '../settings.ts';
import { encodeInterleaved } from '../wire/message-writer.ts';
import { isDescribedBy, RTSP_ACCEPT } from './acceptance.ts';
import { PacketLine, type LineTrack, type PacketLineState, type PacketUnit } from './packet-line.ts';
import { UnitCache } from './unit-cache.ts';

/** How often readers are told which time it is. @see RFC 3550 section 6.2 */
const REPORT_MS = 5000;
/** Some players take no report of a track before its first packet: who joins, or waits for a key frame, gets another one soon. */
const EARLY_REPORT_MS = 500;

/** A reader in a fan-out. */
export interface PacketViewer {
  write(bytes: Uint8Array): boolean;
  readonly backlogBytes: number;
  onOverflow(): void;
  onEnded(reason: string): void;
}

/** What is sent on which channels: readers with the same share everything. */
export interface PacketVariant {
  readonly tracks: readonly (LineTrack & { readonly track: TrackDescriptor })[];
}

/** Plain data of a `PacketFanout`. */
export interface PacketFanoutState {
  readonly lines: readonly PacketLineState[];
  readonly reportBaseMs: number | undefined;
  readonly cached: readonly PacketUnit[];
}

/** How a reader joins. */
export interface PacketJoin {
  readonly lowLatency: boolean;
  /** A reader that has had the stream from the previous version up to now. */
  readonly continues?: { readonly needsKeyFrame: boolean };
}

/** One stream on one set of channels: written once for all its readers over TCP. */
export class PacketFanout {
  readonly #stream: Stream;
  readonly #variant: PacketVariant;
  readonly #lines: ReadonlyMap<string, PacketLine>;
  readonly #cache: UnitCache;
  readonly #clock = new StreamClock();
  readonly #reportClock: ReportClock;
  readonly #fanout: TcpFanout<PacketUnit>;
  /** Owns the fan-out and the subscription, for as long as anybody plays. */
  readonly #scope: Scope;
  readonly #viewers = new Map<PacketViewer, FanoutViewer>();
  readonly #onEmpty: () => void;
  #reportDueMs = 0;

  /**
   * @param state of the same fan-out in another version of the plugin, or when it goes on there
   * @param onEmpty called when the last reader has left, or the stream has ended
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended
   */
  constructor(ctx: PluginContext<RtspSettings>, stream: Stream, variant: PacketVariant, onEmpty: () => void, state?: PacketFanoutState) {
    this.#stream = stream;
    this.#variant = variant;
    this.#onEmpty = onEmpty;
    this.#scope = ctx.scope.child(`rtsp players of ${stream.name}`);
    this.#reportClock = new ReportClock(state?.reportBaseMs);
    const timestampBase = randomInt(0x1_0000_0000);
    this.#lines = new Map(variant.tracks.map((line, index) => [line.trackId, new PacketLine(line, timestampBase, (unit) => this.#onUnit(unit), state?.lines[index])]));
    const hasVideo = variant.tracks.some(({ track }) => track.kind === 'video');
    this.#cache = new UnitCache(hasVideo, (unit) => this.#bytesOf(unit), state?.cached);
    this.#fanout = ctx.media.fanout<PacketUnit>({ serialise: (unit, out) => this.#lines.get(unit.track.id)?.write(unit, out), requestKeyFrame: () => stream.requestKeyFrame() }, this.#scope);
    try {
      this.#subscribe(state === undefined ? 'gop' : 'live');
    } catch (error) {
      void this.#scope.close();
      throw error;
    }
  }

  /** Adds a reader at exactly this point of the stream. */
  join(viewer: PacketViewer, { lowLatency, continues }: PacketJoin): void {
    // What has come of an access unit belongs to those who were there.
    this.#flushLines();
    const preamble = continues === undefined ? [...this.#reports(), ...this.#cache.bytes()] : [];
    const startAtKeyFrame = continues === undefined ? this.#hasVideo && this.#cache.units.length === 0 : continues.needsKeyFrame;
    if (continues === undefined) this.#reportDueMs = Math.min(this.#reportDueMs, performance.now() + EARLY_REPORT_MS);
    this.#viewers.set(viewer, this.#fanout.add(viewer, { lowLatency, preamble, startAtKeyFrame }));
  }

  /**
   * What a reader that joins now gets first of each track, or what comes next of a file that stands at a position.
   *
   * @param positionUs of the file, microseconds
   */
  starts(positionUs?: number): readonly TrackStart[] {
    this.#flushLines();
    const { playback } = this.#stream;
    const units = playback === undefined ? this.#cache.units : [];
    const fileUs = playback === undefined || positionUs === undefined ? Infinity : positionUs + playback.shiftUs;
    const startUs = units.reduce((least, { ptsUs }) => Math.min(least, ptsUs), fileUs);
    return this.#variant.tracks.flatMap(({ trackId, index, track }) => {
      const line = this.#lines.get(trackId);
      if (line === undefined) return [];
      const first = units.find((unit) => unit.track.id === trackId)?.packets[0];
      const sequence = first === undefined ? line.nextSequence : first.sequence % 0x1_0000;
      return [{ index, sequence, ...(startUs === Infinity ? {} : { rtpTime: line.timestampOf(startUs, track.clockRateHz) }) }];
    });
  }

  /** True once the stream has ended for its readers. */
  get closed(): boolean {
    return this.#scope.closed;
  }

  needsKeyFrame(viewer: PacketViewer): boolean {
    return this.#viewers.get(viewer)?.needsKeyFrame ?? false;
  }

  /** Writes everything that is pending. */
  flush(): void {
    this.#flushLines();
    this.#fanout.flush();
  }

  /** Writes everything that is pending, so that readers can go on elsewhere. */
  exportState(): PacketFanoutState {
    this.flush();
    return { lines: [...this.#lines.values()].map((line) => line.exportState()), reportBaseMs: this.#reportClock.baseMs, cached: [...this.#cache.units] };
  }

  tick(nowMs: number): void {
    for (const line of this.#lines.values()) line.advance(nowMs);
    if (nowMs < this.#reportDueMs) return;
    for (const report of this.#reports()) this.#fanout.pushBytes(report);
  }

  /** Lets go of a reader. */
  leave(viewer: PacketViewer): void {
    const handle = this.#viewers.get(viewer);
    if (handle === undefined) return;
    this.#viewers.delete(viewer);
    handle.remove({ discardPending: true });
    if (this.#viewers.size === 0) this.#close();
  }

  get #hasVideo(): boolean {
    return this.#variant.tracks.some(({ track }) => track.kind === 'video');
  }

  #subscribe(from: 'gop' | 'live'): void {
    const subscription = this.#stream.subscribe({
      plane: 'packets',
      accept: RTSP_ACCEPT,
      onMismatch: 'omit',
      from,
      label: 'rtsp players',
      sink: {
        onTracks: (tracks) => this.#onTracks(tracks),
        onPacket: (packet) => this.#onPacket(packet),
        onResume: () => this.#onResume(),
        onEnd: (reason) => this.#end(reason),
      },
    });
    this.#scope.add('subscription', () => subscription.close());
  }

  /** A description can't be changed under a reader: what it doesn't cover any more ends. */
  #onTracks(tracks: readonly TrackDescriptor[]): void {
    const isBroken = this.#variant.tracks.some(({ track }) => !isDescribedBy(tracks.find(({ id }) => id === track.id), track));
    if (isBroken) this.#end('The stream has changed its format');
  }

  #onPacket(packet: MediaPacket): void {
    const line = this.#lines.get(packet.track.id);
    if (line === undefined) return;
    this.#clock.note(packet.ptsUs, packet.receivedAtMs);
    line.push(packet);
  }

  #onUnit(unit: PacketUnit): void {
    if (this.#reportDueMs === 0) for (const report of this.#reports()) this.#fanout.pushBytes(report);
    const last = this.#cache.units.at(-1)?.track;
    // Pictures of another size can't be decoded behind those of the one before.
    if (last?.id === unit.track.id && !isSameFormat(last, unit.track)) this.#cache.clear();
    this.#cache.push(unit);
    this.#fanout.push(unit);
  }

  #onResume(): void {
    for (const line of this.#lines.values()) line.restart();
    this.#clock.reset();
    this.#cache.clear();
  }

  #bytesOf(unit: PacketUnit): Uint8Array {
    const out = new ByteWriter(unit.packets.reduce((sum, { rtp }) => sum + rtp.length + 4, 0));
    this.#lines.get(unit.track.id)?.write(unit, out);
    return out.toBytes();
  }

  /** A sender report for each track; none before the time of the stream is known. */
  #reports(): readonly Uint8Array[] {
    const nowMs = performance.now();
    const nowUs = this.#clock.nowUs(nowMs);
    if (nowUs === undefined) return [];
    const someWait = [...this.#viewers.values()].some(({ needsKeyFrame }) => needsKeyFrame);
    this.#reportDueMs = nowMs + (someWait ? EARLY_REPORT_MS : REPORT_MS);
    const ntp = this.#reportClock.ntpOf(nowUs, Date.now());
    return this.#variant.tracks.flatMap(({ trackId, rtcpChannel, track }) => {
      const report = this.#lines.get(trackId)?.report(nowUs, track.clockRateHz);
      if (report === undefined) return [];
      const items = [{ item: SDES_CNAME, text: this.#stream.id }];
      return [encodeInterleaved(rtcpChannel, encodeRtcp([{ ...report, ntp }, { type: 'sourceDescription', chunks: [{ ssrc: report.ssrc, items }] }]))];
    });
  }

  #flushLines(): void {
    for (const line of this.#lines.values()) line.flush();
  }

  #end(reason: string): void {
    const viewers = [...this.#viewers.keys()];
    this.#fanout.flush();
    this.#viewers.clear();
    this.#close();
    for (const viewer of viewers) viewer.onEnded(reason);
  }

  #close(): void {
    void this.#scope.close();
    this.#onEmpty();
  }
}
