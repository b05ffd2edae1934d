import type { Codec, MediaKind } from './codecs.ts';
import type { TrackDescriptor } from './track.ts';

const BUCKETS = 8;
const BUCKET_MS = 250;

/** Totals and rates of one track. */
export interface TrackStats {
  readonly trackId: string;
  readonly kind: MediaKind;
  readonly codec: Codec;
  readonly frames: number;
  readonly bytes: number;
  readonly keyFrames: number;
  /** Frames a second over about the last two seconds. */
  readonly fps: number;
  /** Bits a second over about the last two seconds. */
  readonly bitrateBps: number;
}

/** Totals and rates of one stream. */
export interface StreamStats {
  readonly frames: number;
  readonly bytes: number;
  readonly keyFrames: number;
  /** Frames no reader got: of an unknown track, or undecodable after a resume. */
  readonly ignoredFrames: number;
  readonly bitrateBps: number;
  /** Monotonic milliseconds of the last key frame of video. */
  readonly lastKeyAtMs?: number;
  /** How far sound is ahead of picture, by stream time at the same time of arrival. */
  readonly avOffsetMs?: number;
  readonly tracks: readonly TrackStats[];
  /** The layers of the picture that come at present. Their bytes are in no total: a reader gets one of them at a time. */
  readonly layers: readonly TrackStats[];
}

/** What the statistics look at in a frame or a packet. */
interface Counted {
  readonly track: TrackDescriptor;
  readonly ptsUs: number;
  readonly receivedAtMs: number;
}

/** Counters and a ring of quarter-second buckets: adding to it allocates nothing. */
class TrackMeter {
  frames = 0;
  bytes = 0;
  keyFrames = 0;
  lastPtsUs = NaN;
  /** Of the newest key frame that came as packets; its first packets may not show that it is one. */
  lastKeyPtsUs = NaN;
  lastAtMs = NaN;
  readonly #frameBuckets = new Uint32Array(BUCKETS);
  readonly #byteBuckets = new Float64Array(BUCKETS);
  #bucket = NaN;
  #firstBucket = NaN;

  add(frames: number, bytes: number, nowMs: number): void {
    this.#turnTo(Math.floor(nowMs / BUCKET_MS));
    const slot = this.#bucket % BUCKETS;
    this.#frameBuckets[slot] = (this.#frameBuckets[slot] ?? 0) + frames;
    this.#byteBuckets[slot] = (this.#byteBuckets[slot] ?? 0) + bytes;
    this.frames += frames;
    this.bytes += bytes;
  }

  /** Frames and bytes a second over the buckets of the ring, the current one counted as far as it has run. */
  rates(nowMs: number): { fps: number; bytesPerSecond: number } {
    if (Number.isNaN(this.#bucket)) return { fps: 0, bytesPerSecond: 0 };
    this.#turnTo(Math.floor(nowMs / BUCKET_MS));
    const oldest = Math.max(this.#firstBucket, this.#bucket - BUCKETS + 1);
    const seconds = Math.max(nowMs - oldest * BUCKET_MS, BUCKET_MS) / 1000;
    const sum = (buckets: Iterable<number>): number => [...buckets].reduce((total, value) => total + value, 0);
    return { fps: sum(this.#frameBuckets) / seconds, bytesPerSecond: sum(this.#byteBuckets) / seconds };
  }

  #turnTo(bucket: number): void {
    if (Number.isNaN(this.#bucket)) this.#firstBucket = this.#bucket = bucket;
    const steps = Math.min(bucket - this.#bucket, BUCKETS);
    for (let step = 1; step <= steps; step += 1) {
      const slot = (this.#bucket + step) % BUCKETS;
      this.#frameBuckets[slot] = 0;
      this.#byteBuckets[slot] = 0;
    }
    if (bucket > this.#bucket) this.#bucket = bucket;
  }
}

/** Measures a stream as it is written; nothing is allocated per frame. */
export class StreamMeter {
  readonly #clock: { nowMs(): number };
  readonly #meters = new Map<string, TrackMeter>();
  #lastKeyAtMs: number | undefined;
  #ignoredFrames = 0;

  constructor(clock: { nowMs(): number }) {
    this.#clock = clock;
  }

  frame(item: Counted, bytes: number, key: boolean): void {
    this.#count(this.#meter(item.track.id), item, bytes, 1, key);
  }

  /** Packets of one access unit count as one frame. */
  packet(item: Counted, bytes: number, key: boolean): void {
    const meter = this.#meter(item.track.id);
    const first = meter.lastPtsUs !== item.ptsUs;
    const firstOfKey = key && meter.lastKeyPtsUs !== item.ptsUs;
    if (firstOfKey) meter.lastKeyPtsUs = item.ptsUs;
    this.#count(meter, item, bytes, first ? 1 : 0, firstOfKey);
  }

  ignored(): void {
    this.#ignoredFrames += 1;
  }

  snapshot(tracks: readonly TrackDescriptor[], layers: readonly TrackDescriptor[]): StreamStats {
    const nowMs = this.#clock.nowMs();
    const statsOf = (track: TrackDescriptor): TrackStats => {
      const meter = this.#meter(track.id);
      const { fps, bytesPerSecond } = meter.rates(nowMs);
      const { frames, bytes, keyFrames } = meter;
      return { trackId: track.id, kind: track.kind, codec: track.codec, frames, bytes, keyFrames, fps, bitrateBps: bytesPerSecond * 8 };
    };
    const list = tracks.map(statsOf);
    const total = (pick: (stats: TrackStats) => number): number => list.reduce((sum, stats) => sum + pick(stats), 0);
    const avOffsetMs = this.#avOffsetMs(tracks);
    return {
      frames: total(({ frames }) => frames),
      bytes: total(({ bytes }) => bytes),
      keyFrames: total(({ keyFrames }) => keyFrames),
      ignoredFrames: this.#ignoredFrames,
      bitrateBps: total(({ bitrateBps }) => bitrateBps),
      ...(this.#lastKeyAtMs === undefined ? {} : { lastKeyAtMs: this.#lastKeyAtMs }),
      ...(avOffsetMs === undefined ? {} : { avOffsetMs }),
      tracks: list,
      layers: layers.map(statsOf),
    };
  }

  #count(meter: TrackMeter, item: Counted, bytes: number, frames: number, key: boolean): void {
    const nowMs = this.#clock.nowMs();
    meter.add(frames, bytes, nowMs);
    meter.lastPtsUs = item.ptsUs;
    meter.lastAtMs = item.receivedAtMs;
    if (!key || item.track.kind !== 'video') return;
    meter.keyFrames += 1;
    this.#lastKeyAtMs = nowMs;
  }

  #avOffsetMs(tracks: readonly TrackDescriptor[]): number | undefined {
    const lead = (kind: MediaKind): number => {
      const track = tracks.find((candidate) => candidate.kind === kind);
      const meter = track === undefined ? undefined : this.#meters.get(track.id);
      return meter === undefined ? NaN : meter.lastPtsUs / 1000 - meter.lastAtMs;
    };
    const offsetMs = lead('audio') - lead('video');
    return Number.isFinite(offsetMs) ? offsetMs : undefined;
  }

  #meter(trackId: string): TrackMeter {
    let meter = this.#meters.get(trackId);
    if (meter === undefined) this.#meters.set(trackId, (meter = new TrackMeter()));
    return meter;
  }
}
