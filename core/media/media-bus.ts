import { shownStreamName } from '../access/stream-name.ts';
import { WcsError } from '../errors/wcs-error.ts';
import { ConverterRegistry, type PlaneConverter } from './converters.ts';
import type { TranscoderCapability } from './derived-tracks.ts';
import { LiveStream, type StreamHost } from './live-stream.ts';
import { LivePublication, type Publication, type PublishOptions } from './publication.ts';
import { DEFAULT_MEDIA_SETTINGS, type MediaClock, type MediaLog, type MediaRuntime, type MediaSettings, type MediaTimers } from './runtime.ts';
import { Sources, type ResolveRequest, type StreamResolver, type StreamSource } from './sources.ts';
import type { RecordingEnd, RecordingFacts } from './recording-event.ts';
import type { Stream } from './stream.ts';
import type { Subscription } from './subscription.ts';

/** What happens on the bus, told after the fact. */
export interface MediaEvents {
  streamPublished: { readonly stream: Stream };
  streamSuspended: { readonly stream: Stream; readonly reason: string };
  streamResumed: { readonly stream: Stream };
  streamEnded: { readonly stream: Stream; readonly reason: string };
  subscribed: { readonly stream: Stream; readonly subscription: Subscription };
  unsubscribed: { readonly stream: Stream; readonly subscription: Subscription };
  recordingStarted: { readonly recording: RecordingFacts };
  recordingEnded: { readonly recording: RecordingFacts; readonly end: RecordingEnd };
}

/** What others than the bus know first. */
export type AnnouncedEvent = 'recordingStarted' | 'recordingEnded';

type Listeners = { readonly [E in keyof MediaEvents]: Set<(event: MediaEvents[E]) => void> };

/** What the bus is given from outside. */
export interface MediaBusOptions {
  readonly clock: MediaClock;
  readonly timers: MediaTimers;
  readonly log: MediaLog;
  readonly onFault: (error: unknown, label: string) => void;
  /** The one grammar of stream names; throws MEDIA_E_NAME_INVALID, answers the name. */
  readonly validateName: (name: string) => string;
  readonly settings?: Partial<MediaSettings>;
}

/** All streams of the server: publishers write them, readers of any protocol subscribe. */
export class MediaBus {
  readonly #runtime: MediaRuntime;
  readonly #validateName: (name: string) => string;
  readonly #streams = new Map<string, LiveStream>();
  readonly #publications = new Map<LiveStream, LivePublication>();
  readonly #converters = new ConverterRegistry();
  readonly #sources: Sources;
  #transcoders: readonly TranscoderCapability[] = [];
  readonly #host: StreamHost;
  readonly #listeners: Listeners = {
    streamPublished: new Set(),
    streamSuspended: new Set(),
    streamResumed: new Set(),
    streamEnded: new Set(),
    subscribed: new Set(),
    unsubscribed: new Set(),
    recordingStarted: new Set(),
    recordingEnded: new Set(),
  };

  constructor(options: MediaBusOptions) {
    const { clock, timers, log, onFault, validateName, settings } = options;
    this.#runtime = { clock, timers, log, onFault, settings: { ...DEFAULT_MEDIA_SETTINGS, ...settings } };
    this.#validateName = validateName;
    this.#sources = new Sources(this.#runtime, (name) => this.#streams.get(name));
    this.#host = this.#streamHost();
  }

  /**
   * Begins a stream, or goes on with one. The same owner takes over its own name at once, even while the old publication
   * still looks alive: that one is retired and told `Stream name is already in use`. A suspended stream may be taken
   * over by any owner, since its publisher is gone.
   *
   * @throws WcsError MEDIA_E_NAME_INVALID, or MEDIA_E_NAME_IN_USE when another owner is live under that name
   */
  publish(options: PublishOptions): Publication {
    const name = this.#validateName(options.name);
    const existing = this.#streams.get(name);
    if (existing === undefined) return this.#begin(name, options);
    if (existing.state === 'live' && existing.owner !== options.owner) {
      throw new WcsError('MEDIA_E_NAME_IN_USE', `Stream name ${shownStreamName(name)} is already in use.`, { details: { name: shownStreamName(name) } });
    }
    return this.#takeOver(existing, options);
  }

  find(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  streams(): Stream[] {
    return [...this.#streams.values()];
  }

  /**
   * The stream of that name: the one that is there, or one that a source or a resolver starts for it.
   * Rejects with MEDIA_E_NAME_INVALID, MEDIA_E_NOT_FOUND, MEDIA_E_SOURCE_FAILED or the reason of the signal.
   */
  async resolve(name: string, request: ResolveRequest = {}): Promise<Stream> {
    const valid = this.#validateName(name);
    return this.#streams.get(valid) ?? (await this.#sources.resolve(valid, request));
  }

  registerSource(source: StreamSource): () => void {
    return this.#sources.registerSource(source);
  }

  registerResolver(resolver: StreamResolver): () => void {
    return this.#sources.registerResolver(resolver);
  }

  registerConverter(converter: PlaneConverter): () => void {
    return this.#converters.register(converter);
  }

  /** The newest is asked first, and takes over what an older one of its name does. */
  registerTranscoder(transcoder: TranscoderCapability): () => void {
    this.#transcoders = [transcoder, ...this.#transcoders];
    for (const stream of [...this.#streams.values()]) stream.derived.takeOver(transcoder);
    return () => {
      this.#transcoders = this.#transcoders.filter((other) => other !== transcoder);
      for (const stream of this.#streams.values()) stream.derived.forget(transcoder);
    };
  }

  on<E extends keyof MediaEvents>(event: E, listener: (event: MediaEvents[E]) => void): () => void {
    this.#listeners[event].add(listener);
    return () => void this.#listeners[event].delete(listener);
  }

  /** Tells the listeners of something that happened to a stream elsewhere. */
  announce<E extends AnnouncedEvent>(event: E, payload: MediaEvents[E]): void {
    this.#emit(event, payload);
  }

  /** Ends every stream and every source. */
  close(reason: string): void {
    for (const stream of [...this.#streams.values()]) stream.terminate(reason);
    this.#sources.close();
  }

  #begin(name: string, options: PublishOptions): Publication {
    const stream = new LiveStream({ name, owner: options.owner, meta: options.meta }, this.#host);
    const publication = new LivePublication(stream, options, this.#runtime);
    stream.attach(publication);
    this.#streams.set(name, stream);
    this.#publications.set(stream, publication);
    if (options.tracks !== undefined) stream.setTracks(options.tracks);
    this.#emit('streamPublished', { stream });
    return publication;
  }

  #takeOver(stream: LiveStream, options: PublishOptions): Publication {
    const tellOldOwner = this.#publications.get(stream)?.retire();
    const publication = new LivePublication(stream, options, this.#runtime);
    this.#publications.set(stream, publication);
    stream.owner = options.owner;
    stream.meta = options.meta;
    stream.resume(publication);
    if (options.tracks !== undefined) publication.setTracks(options.tracks);
    this.#emit('streamResumed', { stream });
    // Last: whatever the old owner does in answer meets the new state.
    tellOldOwner?.('Stream name is already in use');
    return publication;
  }

  #streamHost(): StreamHost {
    const transcoders = (): readonly TranscoderCapability[] => this.#transcoders;
    return {
      runtime: this.#runtime,
      converters: this.#converters,
      get transcoders() {
        return transcoders();
      },
      subscribed: (stream, subscription) => {
        this.#sources.readersChanged(stream.name);
        this.#emit('subscribed', { stream, subscription });
      },
      unsubscribed: (stream, subscription) => {
        this.#sources.readersChanged(stream.name);
        this.#emit('unsubscribed', { stream, subscription });
      },
      suspended: (stream, reason) => this.#emit('streamSuspended', { stream, reason }),
      ended: (stream, reason) => {
        this.#streams.delete(stream.name);
        this.#publications.delete(stream);
        this.#sources.streamEnded(stream.name);
        this.#emit('streamEnded', { stream, reason });
      },
    };
  }

  #emit<E extends keyof MediaEvents>(event: E, payload: MediaEvents[E]): void {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(payload);
      } catch (error) {
        this.#runtime.onFault(error, `listener of ${event}`);
      }
    }
  }
}
