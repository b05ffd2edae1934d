import { randomUUID } from 'node:crypto';
import { shownStreamName } from '../access/stream-name.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { abortable } from './abortable.ts';
import { TrackConversions, type ConverterRegistry } from './converters.ts';
import { deferred } from './deferred.ts';
import { DerivedTracks, type TranscoderCapability } from './derived-tracks.ts';
import type { MediaFrame, MediaPacket } from './frame.ts';
import { GopCache } from './gop-cache.ts';
import { KeyFrameRequests } from './key-frame-requests.ts';
import type { Acceptance } from './negotiate.ts';
import type { MediaRuntime } from './runtime.ts';
import type { Playback } from './playback.ts';
import { Serving } from './serving.ts';
import { StreamMeter, type StreamStats } from './stream-stats.ts';
import type { Stream, StreamMeta } from './stream.ts';
import { Reader, type ReaderHost, type Subscription, type SubscribeOptions } from './subscription.ts';
import { Timeline } from './timeline.ts';
import { areSameFormats, isSameFormat, type TrackDescriptor } from './track.ts';
import { newlyWritten, type WrittenTrack } from './written-track.ts';

/** The publisher as its stream sees it. */
export interface StreamPublisher {
  readonly makesKeyFrames: boolean;
  readonly playback: Playback | undefined;
  requestKeyFrame(trackId: string): void;
  terminate(reason: string): void;
}

/** What a stream needs of the bus. */
export interface StreamHost {
  readonly runtime: MediaRuntime;
  readonly converters: ConverterRegistry;
  readonly transcoders: readonly TranscoderCapability[];
  subscribed(stream: LiveStream, subscription: Subscription): void;
  unsubscribed(stream: LiveStream, subscription: Subscription): void;
  suspended(stream: LiveStream, reason: string): void;
  ended(stream: LiveStream, reason: string): void;
}

/** The bus's side of a stream. */
export class LiveStream implements Stream {
  readonly name: string;
  readonly id = randomUUID();
  readonly createdAtMs: number;
  owner: string;
  meta: StreamMeta;
  readonly #host: StreamHost;
  readonly #readerHost: ReaderHost = {
    left: (reader) => this.#left(reader),
    negotiate: (reader, accept) => this.#negotiate(reader, accept),
    requestKeyFrame: (trackId) => this.requestKeyFrame(trackId),
  };
  #publisher: StreamPublisher | undefined;
  #state: Stream['state'] = 'live';
  #tracks: readonly TrackDescriptor[] = [];
  /** Other sizes of the picture, for those readers of packets who ask for them. */
  #layers: readonly TrackDescriptor[] = [];
  /** Copied on change, so that a loop over them stays valid whatever a sink does. */
  #frameReaders: readonly Reader[] = [];
  #packetReaders: readonly Reader[] = [];
  #waiting: readonly Reader[] = [];
  readonly #serving: Serving;
  readonly #announced = new Set<Reader>();
  readonly #known = deferred();
  /** By id, of the tracks that there are. */
  readonly #written = new Map<string, WrittenTrack>();
  /** Likewise, of the tracks whose packets are made of frames. */
  readonly #made = new Map<string, WrittenTrack>();
  readonly #frameTime = new Timeline();
  readonly #packetTime = new Timeline();
  readonly #gop: GopCache;
  readonly #meter: StreamMeter;
  readonly #keyFrames: KeyFrameRequests;
  readonly #derived: DerivedTracks;
  readonly #packetised: TrackConversions<MediaFrame>;
  readonly #depacketised: TrackConversions<MediaPacket>;
  /** The last cached frame that became packets for the first reader of them. */
  #replayed: MediaFrame | undefined;

  constructor(options: { name: string; owner: string; meta: StreamMeta }, host: StreamHost) {
    const { clock, timers, settings } = host.runtime;
    this.name = options.name;
    this.owner = options.owner;
    this.meta = options.meta;
    this.#host = host;
    this.createdAtMs = clock.nowMs();
    this.#gop = new GopCache(settings.gopMaxFrames, settings.gopMaxBytes);
    this.#meter = new StreamMeter(clock);
    this.#keyFrames = new KeyFrameRequests({ clock, timers, intervalMs: settings.keyFrameIntervalMs, send: (trackId) => this.#sendKeyFrameRequest(trackId) });
    this.#derived = new DerivedTracks(this.#derivedHost(), host.runtime);
    this.#serving = new Serving({ streamName: this.name, derived: this.#derived, log: host.runtime.log, offerFor: (reader) => this.#offerFor(reader) });
    const onMissing = (track: TrackDescriptor): void =>
      host.runtime.log.warn('no converter between frames and packets', { stream: this.name, trackId: track.id, codec: track.codec });
    const onFault = (error: unknown, track: TrackDescriptor): void => host.runtime.onFault(error, `conversion of ${this.name} ${track.id}`);
    this.#packetised = new TrackConversions({
      open: (track) => host.converters.packetiser(track.codec)?.open(track, (packet) => this.#fanOutPacket(packet, this.#madeOf(packet))),
      onMissing,
      onFault,
    });
    this.#depacketised = new TrackConversions({
      open: (track) => host.converters.depacketiser(track.codec)?.open(track, (frame) => this.#emitFrame(this.#frameTime.converted(frame))),
      onMissing,
      onFault,
    });
  }

  get tracks(): readonly TrackDescriptor[] {
    return this.#tracks;
  }

  get state(): Stream['state'] {
    return this.#state;
  }

  get makesKeyFrames(): boolean {
    return this.#publisher?.makesKeyFrames === true && this.#keyFrames.areAnswered;
  }

  get playback(): Playback | undefined {
    return this.#publisher?.playback;
  }

  get stats(): StreamStats {
    return this.#meter.snapshot(this.#tracks, this.#layers);
  }

  get subscriberCount(): number {
    return this.#frameReaders.length + this.#packetReaders.length + this.#waiting.length;
  }

  get subscriptions(): readonly Subscription[] {
    return [...this.#frameReaders, ...this.#packetReaders, ...this.#waiting];
  }

  get cachedGop(): readonly MediaFrame[] {
    return [...this.#gop.frames];
  }

  subscribe(options: SubscribeOptions): Subscription {
    if (this.#state === 'ended') throw new WcsError('MEDIA_E_NOT_FOUND', `Stream ${shownStreamName(this.name)} has ended.`);
    const reader = new Reader(options, this.#readerHost, this.#host.runtime);
    this.#waiting = [...this.#waiting, reader];
    try {
      if (this.#tracks.length > 0) this.#negotiate(reader, reader.accept);
    } catch (error) {
      this.#left(reader);
      throw error;
    }
    if (reader.state === 'closed') return reader;
    this.#announced.add(reader);
    this.#host.subscribed(this, reader);
    return reader;
  }

  ready(signal?: AbortSignal): Promise<void> {
    return abortable(this.#known.promise, signal);
  }

  requestKeyFrame(trackId?: string): void {
    const id = trackId ?? this.#tracks.find(({ kind }) => kind === 'video')?.id;
    if (id !== undefined && this.#state === 'live') this.#keyFrames.request(id);
  }

  refusalOf(accept: readonly Acceptance[]): WcsError | undefined {
    return this.#serving.refusalOf(this.#tracks, accept);
  }

  /** What is made of its tracks. */
  get derived(): DerivedTracks {
    return this.#derived;
  }

  terminate(reason: string): void {
    this.#publisher?.terminate(reason);
  }

  /** The publisher of a new stream. */
  attach(publisher: StreamPublisher): void {
    this.#publisher = publisher;
  }

  /** A publisher takes over; readers go on with a discontinuity. */
  resume(publisher: StreamPublisher): void {
    this.#publisher = publisher;
    this.#state = 'live';
    this.#gop.clear();
    this.#keyFrames.reset();
    for (const { id, kind } of [...this.#tracks, ...this.#layers]) this.#written.set(id, newlyWritten(kind === 'video'));
    this.#packetised.close();
    this.#depacketised.close();
    // The new publisher may use the other plane: both have to go on after whatever was given out in either.
    const { newestUs } = this.#frameTime;
    this.#frameTime.beginPublication(this.#packetTime.newestUs);
    this.#packetTime.beginPublication(newestUs);
    for (const reader of this.#activeReaders()) reader.resume();
  }

  suspend(reason: string): void {
    if (this.#state !== 'live') return;
    this.#state = 'suspended';
    this.#keyFrames.reset();
    for (const reader of this.#activeReaders()) reader.suspend();
    this.#host.suspended(this, reason);
  }

  end(reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#publisher = undefined;
    this.#known.reject(new WcsError('MEDIA_E_NOT_FOUND', `Stream ${shownStreamName(this.name)} has ended: ${reason}`));
    this.#keyFrames.reset();
    for (const reader of [...this.#activeReaders(), ...this.#waiting]) reader.end(reason);
    this.#derived.close();
    this.#packetised.close();
    this.#depacketised.close();
    this.#gop.clear();
    this.#host.ended(this, reason);
  }

  setTracks(all: readonly TrackDescriptor[]): void {
    const tracks = all.filter(({ layerOf }) => layerOf === undefined);
    const layers = all.filter(({ layerOf }) => layerOf !== undefined);
    if (areSameFormats(tracks, this.#tracks) && areSameFormats(layers, this.#layers) && tracks.length > 0) return;
    if (this.#tracks.some((old) => !tracks.some((track) => isSameFormat(track, old)))) this.#gop.clear();
    this.#tracks = tracks;
    this.#layers = layers;
    const before = new Map(this.#written);
    this.#written.clear();
    for (const { id } of all) this.#written.set(id, before.get(id) ?? newlyWritten(false));
    this.#gop.setHasVideo(tracks.some(({ kind }) => kind === 'video'));
    if (tracks.length === 0) return;
    this.#known.resolve();
    for (const reader of [...this.#activeReaders(), ...this.#waiting]) this.#renegotiate(reader);
  }

  /** The hot path: one loop over a stable array. */
  write(frame: MediaFrame): void {
    if (this.#admit(frame, 'asFrames') === undefined) return;
    const mapped = this.#frameTime.frame(frame);
    this.#meter.frame(mapped, mapped.data.byteLength, mapped.key);
    this.#emitFrame(mapped);
    this.#packetise(mapped);
  }

  writePacket(packet: MediaPacket): void {
    const written = this.#admit(packet, 'asPackets');
    if (written === undefined) return;
    const mapped = this.#packetTime.packet(packet);
    const needsFrames = !written.asFrames;
    if (needsFrames) this.#meter.packet(mapped, mapped.rtp.byteLength, mapped.key);
    this.#fanOutPacket(mapped, written);
    if (needsFrames && mapped.track.layerOf === undefined && this.#frameReaders.length > 0) this.#depacketised.write(mapped);
  }

  /** Undefined for media nobody can use: of an unknown track, or before the first key frame of a returned publisher. */
  #admit(item: MediaFrame | MediaPacket, plane: 'asFrames' | 'asPackets'): WrittenTrack | undefined {
    const { id, kind } = item.track;
    const written = this.#written.get(id);
    if (written === undefined || (written.awaitsKey && !item.key)) {
      this.#meter.ignored();
      return undefined;
    }
    written[plane] = true;
    if (kind === 'video' && item.key) {
      written.awaitsKey = false;
      this.#keyFrames.arrived(id);
    }
    return written;
  }

  #emitFrame(frame: MediaFrame): void {
    // Cached first: a reader that joins from within the loop gets this frame by its replay, and only so.
    this.#gop.push(frame);
    const readers = this.#frameReaders;
    for (let index = 0; index < readers.length; index += 1) readers[index]?.deliverFrame(frame);
  }

  #packetise(frame: MediaFrame): void {
    // A reader of packets that joined from within the loop over the frame readers has got this frame by the replay.
    const isDue = this.#packetReaders.length > 0 && frame !== this.#replayed;
    if (isDue && this.#written.get(frame.track.id)?.asPackets !== true) this.#packetised.write(frame);
  }

  /** Of a track whose packets are made here, which may be one that nobody writes. */
  #madeOf({ track: { id } }: MediaPacket): WrittenTrack {
    let made = this.#made.get(id);
    if (made === undefined) this.#made.set(id, (made = newlyWritten(false)));
    return made;
  }

  #fanOutPacket(packet: MediaPacket, written: WrittenTrack): void {
    const startsUnit = written.lastPacketPtsUs !== packet.ptsUs;
    written.lastPacketPtsUs = packet.ptsUs;
    const readers = this.#packetReaders;
    for (let index = 0; index < readers.length; index += 1) readers[index]?.deliverPacket(packet, startsUnit);
  }

  #activeReaders(): readonly Reader[] {
    return [...this.#frameReaders, ...this.#packetReaders];
  }

  #renegotiate(reader: Reader): void {
    try {
      this.#negotiate(reader, reader.accept);
    } catch (error) {
      reader.end(messageOf(error));
    }
  }

  #negotiate(reader: Reader, accept: readonly Acceptance[] | undefined): void {
    const omitted = this.#serving.negotiate(reader, accept);
    this.#offer(reader);
    reader.giveOmitted(omitted);
  }

  #offerFor({ layers }: Reader): readonly TrackDescriptor[] {
    return layers ? [...this.#tracks, ...this.#layers] : this.#tracks;
  }

  /** Gives a reader its tracks once all of them are known, and at the first time what is cached. */
  #offer(reader: Reader): void {
    const tracks = this.#serving.tracksFor(reader);
    if (tracks === undefined) return;
    if (reader.state === 'active') { reader.giveTracks(tracks); return; }
    if (tracks.length === 0) return;
    reader.giveTracks(tracks);
    if (reader.plane === 'frames' && reader.from === 'gop') for (const frame of this.#gop.frames) reader.replay(frame);
    this.#waiting = without(this.#waiting, reader);
    if (reader.state === 'closed') return;
    if (reader.plane === 'frames') this.#frameReaders = [...this.#frameReaders, reader];
    else this.#addPacketReader(reader);
    for (const trackId of reader.awaitedKeys) this.requestKeyFrame(trackId);
    if (this.#state === 'suspended') reader.suspend();
  }

  #addPacketReader(reader: Reader): void {
    this.#packetReaders = [...this.#packetReaders, reader];
    if (reader.from !== 'gop' || this.#packetised.size > 0) return;
    const frames = this.#gop.frames;
    this.#replayed = frames.at(-1);
    for (const frame of frames) if (this.#written.get(frame.track.id)?.asPackets !== true) this.#packetised.write(frame);
  }

  #left(reader: Reader): void {
    this.#waiting = without(this.#waiting, reader);
    this.#frameReaders = without(this.#frameReaders, reader);
    this.#packetReaders = without(this.#packetReaders, reader);
    this.#serving.forget(reader);
    if (this.#packetReaders.length === 0) {
      this.#packetised.close();
      this.#replayed = undefined;
    }
    if (this.#frameReaders.length === 0 && this.#depacketised.size > 0) {
      this.#depacketised.close();
      // Nothing keeps the cache fresh from now on.
      this.#gop.clear();
    }
    if (this.#announced.delete(reader)) this.#host.unsubscribed(this, reader);
  }

  #sendKeyFrameRequest(trackId: string): void {
    if (!this.#derived.requestKeyFrame(trackId)) this.#publisher?.requestKeyFrame(trackId);
  }

  #derivedHost(): ConstructorParameters<typeof DerivedTracks>[0] {
    const host = this.#host;
    return {
      stream: this,
      get transcoders() {
        return host.transcoders;
      },
      onTrack: (derived) => this.#serving.readersOf(derived).forEach((reader) => this.#offer(reader)),
      onFrame: (frame) => {
        if (frame.track.kind === 'video' && frame.key) this.#keyFrames.arrived(frame.track.id);
        this.#emitFrame(frame);
        this.#packetise(frame);
      },
      onFail: (derived, reason) => {
        for (const reader of this.#serving.readersOf(derived)) {
          try {
            this.#negotiate(reader, reader.accept);
          } catch {
            reader.end(reason);
          }
        }
      },
    };
  }
}

function without(readers: readonly Reader[], reader: Reader): readonly Reader[] {
  return readers.includes(reader) ? readers.filter((other) => other !== reader) : readers;
}
