import { randomInt } from 'node:crypto';
import { WcsError } from '../errors/wcs-error.ts';
import type { MediaPacket } from './frame.ts';
import { Feed, type FeedHost } from './rtp-fanout/feed.ts';
import { JOIN_LIMITS_ON_REQUEST, JOIN_LIMITS_OTHERWISE } from './rtp-fanout/packet-ring.ts';
import type { RtpFanoutRuntime } from './rtp-fanout/runtime.ts';
import { StreamClock } from './rtp-fanout/stream-clock.ts';
import { TrackFanout, type TrackHost } from './rtp-fanout/track-fanout.ts';
import { Viewer, type RtpViewer, type RtpViewerOptions, type ViewerHost } from './rtp-fanout/viewer.ts';
import type { Stream } from './stream.ts';

/** How long a fan-out without viewers stays, its packets warm for who comes next. */
export const RTP_FANOUT_LINGER_MS = 1000;

/** A track and the feed that its packets are taken from; another feed may bring the same packets. */
interface FedTrack {
  readonly fanout: TrackFanout;
  feeder: Feed;
  lastPacket: MediaPacket | undefined;
}

/**
 * One stream to many RTP viewers. Packets are rewritten once per track: timestamps follow the stream's clock and sequence
 * numbers go on whoever publishes, so that for each viewer only SSRC, payload type and a sequence offset differ. Belongs
 * to the kernel and outlives the generations of the plugins that add viewers.
 */
export class RtpFanout {
  readonly #stream: Stream;
  readonly #runtime: RtpFanoutRuntime;
  readonly #onIdle: () => void;
  readonly #feeds = new Map<string, Feed>();
  readonly #tracks = new Map<string, FedTrack>();
  readonly #feedOf = new Map<Viewer, Feed>();
  readonly #clock = new StreamClock();
  readonly #trackHost: TrackHost;
  readonly #feedHost: FeedHost;
  readonly #viewerHost: ViewerHost;
  #cancelLinger: (() => void) | undefined;
  #closed = false;

  /** @param onIdle called once when the last viewer has been gone for a while, or the stream has ended */
  constructor(stream: Stream, runtime: RtpFanoutRuntime, onIdle: () => void) {
    this.#stream = stream;
    this.#runtime = runtime;
    this.#onIdle = onIdle;
    this.#trackHost = {
      runtime,
      timestampBase: randomInt(2 ** 32),
      joinLimits: () => (stream.makesKeyFrames ? JOIN_LIMITS_ON_REQUEST : JOIN_LIMITS_OTHERWISE),
    };
    this.#feedHost = {
      onTracks: (feed) => this.#onTracks(feed),
      onPacket: (feed, packet) => this.#onPacket(feed, packet),
      onSuspend: (feed) => [...feed.viewers].forEach((viewer) => viewer.suspend()),
      onResume: (feed) => this.#onResume(feed),
      onEnd: (feed, reason) => this.#onEnd(feed, reason),
    };
    this.#viewerHost = {
      runtime,
      streamNowUs: (nowMs) => this.#clock.nowUs(nowMs),
      requestKeyFrame: (trackId) => stream.requestKeyFrame(trackId),
      left: (viewer) => this.#left(viewer),
    };
    this.#linger();
  }

  get viewerCount(): number {
    return this.#feedOf.size;
  }

  /**
   * Adds a viewer. Where the tracks are known, `onTracks`, `onMissing` and the first cached packets come before this returns.
   *
   * @throws WcsError MEDIA_E_NOT_FOUND when the stream has ended, MEDIA_E_NO_COMMON_CODEC when nothing is left for the viewer
   */
  add(options: RtpViewerOptions): RtpViewer {
    if (this.#closed) throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${this.#stream.name} has ended.`);
    const feed = this.#feedFor(options.accept);
    const viewer = new Viewer(options, this.#viewerHost);
    this.#cancelLinger?.();
    this.#cancelLinger = undefined;
    this.#feedOf.set(viewer, feed);
    feed.viewers.add(viewer);
    if (feed.tracks.length > 0) this.#offer(feed, viewer);
    return viewer;
  }

  /** Ends every viewer and lets go of the stream. */
  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLinger?.();
    for (const feed of this.#feeds.values()) feed.close();
    for (const viewer of [...this.#feedOf.keys()]) viewer.end(reason);
    for (const { fanout } of this.#tracks.values()) fanout.close();
    this.#feeds.clear();
    this.#tracks.clear();
    this.#onIdle();
  }

  #feedFor(accept: RtpViewerOptions['accept']): Feed {
    const running = this.#feeds.get(Feed.keyOf(accept));
    if (running !== undefined) return running;
    const feed = new Feed(this.#stream, accept);
    this.#feeds.set(feed.key, feed);
    try {
      feed.open(this.#feedHost);
    } catch (error) {
      this.#drop(feed);
      throw error;
    }
    return feed;
  }

  #onTracks(feed: Feed): void {
    for (const track of feed.tracks) {
      const fed = this.#tracks.get(track.id);
      if (fed === undefined) this.#tracks.set(track.id, { fanout: new TrackFanout(track, this.#trackHost), feeder: feed, lastPacket: undefined });
      else fed.fanout.setTrack(track);
    }
    for (const viewer of [...feed.viewers]) this.#offer(feed, viewer);
    this.#prune();
  }

  #offer(feed: Feed, viewer: Viewer): void {
    const offered = feed.tracks.flatMap(({ id }) => this.#tracks.get(id)?.fanout ?? []);
    viewer.offer(offered, feed.missing);
  }

  #onPacket(feed: Feed, packet: MediaPacket): void {
    const fed = this.#tracks.get(packet.track.id);
    if (fed === undefined) return;
    if (fed.feeder !== feed) {
      // The feeder has no viewers any more and was kept only until somebody else brings its packets.
      if (fed.feeder.viewers.size > 0 || this.#feeds.get(fed.feeder.key) !== fed.feeder) return;
      const spare = fed.feeder;
      fed.feeder = feed;
      if (!this.#isNeeded(spare)) this.#drop(spare);
      if (fed.lastPacket === packet) return;
    }
    fed.lastPacket = packet;
    // Most layers have no viewers most of the time; whoever changes to one begins at its next key frame anyway.
    if (packet.track.layerOf !== undefined && !fed.fanout.hasListeners) return;
    this.#clock.note(packet.ptsUs, packet.receivedAtMs);
    fed.fanout.push(packet);
  }

  #onResume(feed: Feed): void {
    this.#clock.reset();
    for (const { fanout, feeder } of this.#tracks.values()) if (feeder === feed) fanout.restart();
    for (const viewer of [...feed.viewers]) viewer.resume();
  }

  #onEnd(feed: Feed, reason: string): void {
    if (this.#stream.state === 'ended') {
      this.close(reason);
      return;
    }
    const viewers = [...feed.viewers];
    feed.viewers.clear();
    this.#drop(feed);
    for (const viewer of viewers) viewer.end(reason);
  }

  #left(viewer: Viewer): void {
    const feed = this.#feedOf.get(viewer);
    this.#feedOf.delete(viewer);
    if (this.#closed || feed === undefined) return;
    feed.viewers.delete(viewer);
    // The last feed stays for a while: what it keeps is what the next viewer begins with.
    if (this.#feedOf.size === 0) this.#linger();
    else if (feed.viewers.size === 0 && !this.#isNeeded(feed)) this.#drop(feed);
  }

  #linger(): void {
    this.#cancelLinger?.();
    this.#cancelLinger = this.#runtime.timers.after(RTP_FANOUT_LINGER_MS, () => this.close('No viewers'));
  }

  /** True while a feed has viewers, or brings packets to those of another one. */
  #isNeeded(feed: Feed): boolean {
    if (feed.viewers.size > 0) return true;
    return [...this.#tracks].some(([id, { feeder }]) => feeder === feed && this.#othersWith(id, feed).length > 0);
  }

  #othersWith(trackId: string, feed: Feed): Feed[] {
    return [...this.#feeds.values()].filter((other) => other !== feed && other.viewers.size > 0 && other.tracks.some(({ id }) => id === trackId));
  }

  #drop(feed: Feed): void {
    if (this.#feeds.get(feed.key) === feed) this.#feeds.delete(feed.key);
    feed.close();
    this.#prune();
  }

  /** Closes the tracks that no feed has any more, and gives those whose feeder went another one. */
  #prune(): void {
    for (const [id, fed] of [...this.#tracks]) {
      const feeds = [...this.#feeds.values()].filter(({ tracks }) => tracks.some((track) => track.id === id));
      const [other] = feeds;
      if (other === undefined) {
        fed.fanout.close();
        this.#tracks.delete(id);
      } else if (!feeds.includes(fed.feeder)) fed.feeder = other;
    }
  }
}
