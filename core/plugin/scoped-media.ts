import type { MediaFrame, MediaPacket } from '../media/frame.ts';
import type { AnnouncedEvent, MediaBus, MediaEvents } from '../media/media-bus.ts';
import type { Publication, PublishOptions } from '../media/publication.ts';
import type { RtpFanouts } from '../media/rtp-fanouts.ts';
import type { Stream } from '../media/stream.ts';
import type { FrameSink, SubscribeOptions, Subscription } from '../media/subscription.ts';
import { TcpFanout, type FanoutItem, type TcpFanoutOptions } from '../media/tcp-fanout.ts';
import { callOwner, type Owner } from '../net/owner.ts';
import type { Held, Scope } from '../scope/scope.ts';
import { ScopedRtpFanout } from './scoped-rtp-fanout.ts';

/** A subscription that its scope forgets when it is closed early. */
class ScopedSubscription implements Subscription {
  readonly #inner: Subscription;
  readonly #held: Held;

  constructor(inner: Subscription, held: Held) {
    this.#inner = inner;
    this.#held = held;
  }

  get label(): string {
    return this.#inner.label;
  }

  get plane(): Subscription['plane'] {
    return this.#inner.plane;
  }

  get state(): Subscription['state'] {
    return this.#inner.state;
  }

  get tracks(): Subscription['tracks'] {
    return this.#inner.tracks;
  }

  get counters(): Subscription['counters'] {
    return this.#inner.counters;
  }

  setAccept(accept: Parameters<Subscription['setAccept']>[0]): void {
    this.#inner.setAccept(accept);
  }

  close(): void {
    void this.#held.release();
  }
}

/**
 * Subscribes until the scope closes or the stream ends. The sink runs as its owner's code, whoever publishes; what it
 * throws is a fault of its owner.
 */
export function subscribeInScope(scope: Scope, owner: Owner, stream: Stream, options: SubscribeOptions): Subscription {
  const ending: { held?: Held; ended: boolean } = { ended: false };
  const onLast = (): void => {
    ending.ended = true;
    ending.held?.detach();
  };
  const subscription = stream.subscribe({ ...options, sink: ownedSink(options.sink, owner, onLast) });
  const held = scope.add(`subscription to ${stream.name}`, () => subscription.close());
  ending.held = held;
  // It may have ended within subscribe(): a plugin that runs for months must not collect what is gone.
  if (ending.ended) held.detach();
  return new ScopedSubscription(subscription, held);
}

function ownedSink(sink: FrameSink, owner: Owner, onLast: () => void): FrameSink {
  const call = (work: () => void): void => {
    try {
      owner.run(work);
    } catch (error) {
      owner.onFault(error);
      throw error;
    }
  };
  return {
    onTracks: (tracks) => call(() => sink.onTracks(tracks)),
    onEnd: (reason) => {
      onLast();
      call(() => sink.onEnd(reason));
    },
    ...(sink.onOmitted === undefined ? {} : { onOmitted: (needs) => call(() => sink.onOmitted?.(needs)) }),
    ...(sink.onFrame === undefined ? {} : { onFrame: oneByOne(call, (frame: MediaFrame) => sink.onFrame?.(frame)) }),
    ...(sink.onPacket === undefined ? {} : { onPacket: oneByOne(call, (packet: MediaPacket) => sink.onPacket?.(packet)) }),
    ...(sink.onSuspend === undefined ? {} : { onSuspend: () => call(() => sink.onSuspend?.()) }),
    ...(sink.onResume === undefined ? {} : { onResume: () => call(() => sink.onResume?.()) }),
    ...(sink.backlogBytes === undefined ? {} : { backlogBytes: () => sink.backlogBytes?.() ?? 0 }),
  };
}

/** Makes a call of one argument that allocates nothing: frames and packets come by the thousand. */
function oneByOne<T>(call: (work: () => void) => void, take: (item: T) => void): (item: T) => void {
  let current: T | undefined;
  const work = (): void => {
    const item = current;
    // Before the call: whatever the reader throws or sets off, no frame is held or handed over twice.
    current = undefined;
    if (item !== undefined) take(item);
  };
  return (item) => {
    current = item;
    call(work);
  };
}

/** Registers something visible to others; takes effect when the generation starts to serve. */
export type Register = (label: string, register: () => () => void) => void;

/** What the kernel gives every fan-out of one generation. */
export type FanoutRuntime = Pick<TcpFanoutOptions, 'clock' | 'timers' | 'windowMs' | 'onFault'>;

/** What a plugin says about a fan-out; clock, timers and window are the kernel's. */
export type FanoutWish<Item extends FanoutItem = MediaFrame> = Pick<TcpFanoutOptions<Item>, 'serialise' | 'requestKeyFrame' | 'limits'>;

/** The media bus as a plugin sees it: everything is released with the plugin's scope. */
export class ScopedMedia {
  readonly #bus: MediaBus;
  readonly #scope: Scope;
  readonly #owner: Owner;
  readonly #publications = new Map<Publication, Held>();
  readonly #register: Register;
  readonly #runtime: FanoutRuntime;
  readonly #rtpFanouts: RtpFanouts;

  constructor(bus: MediaBus, scope: Scope, owner: Owner, register: Register, runtime: FanoutRuntime, rtpFanouts: RtpFanouts) {
    this.#bus = bus;
    this.#scope = scope;
    this.#owner = owner;
    this.#register = register;
    this.#runtime = runtime;
    this.#rtpFanouts = rtpFanouts;
  }

  /** One stream to many TCP readers of one protocol variant: serialised once, one shared buffer a window. */
  fanout<Item extends FanoutItem = MediaFrame>(wish: FanoutWish<Item>, scope: Scope = this.#scope): TcpFanout<Item> {
    const fanout = new TcpFanout<Item>({ ...this.#runtime, ...wish });
    scope.add('fan-out', () => fanout.close());
    return fanout;
  }

  /** One stream to many RTP viewers; belongs to the kernel, so that a swap leaves sequence numbers and kept packets alone. */
  rtpFanout(stream: Stream, scope: Scope = this.#scope): ScopedRtpFanout {
    return new ScopedRtpFanout(this.#rtpFanouts, stream, scope, this.#owner);
  }

  /** Publishes a stream; suspended when the plugin goes without ending it. */
  publish(options: PublishOptions): Publication {
    for (const [publication, held] of this.#publications) {
      if (publication.state !== 'retired') continue;
      held.detach();
      this.#publications.delete(publication);
    }
    const publication = this.#bus.publish(options);
    this.#publications.set(publication, this.#scope.add(`publication of ${options.name}`, () => publication.suspend('Stopped by session disconnect')));
    return publication;
  }

  find(name: string): Stream | undefined {
    return this.#bus.find(name);
  }

  streams(): Stream[] {
    return this.#bus.streams();
  }

  /** Waits for a stream, starting its source where the name has one. @throws WcsError MEDIA_E_NOT_FOUND */
  resolve(...parameters: Parameters<MediaBus['resolve']>): Promise<Stream> {
    return this.#bus.resolve(...parameters);
  }

  subscribe(stream: Stream, options: SubscribeOptions): Subscription {
    return subscribeInScope(this.#scope, this.#owner, stream, options);
  }

  /** Claims a URI scheme, e.g. `rtsp`. */
  registerSource(...parameters: Parameters<MediaBus['registerSource']>): void {
    this.#register('source', () => this.#bus.registerSource(...parameters));
  }

  /** Claims names that nobody publishes. */
  registerResolver(...parameters: Parameters<MediaBus['registerResolver']>): void {
    this.#register('resolver', () => this.#bus.registerResolver(...parameters));
  }

  registerConverter(...parameters: Parameters<MediaBus['registerConverter']>): void {
    this.#register('converter', () => this.#bus.registerConverter(...parameters));
  }

  registerTranscoder(...parameters: Parameters<MediaBus['registerTranscoder']>): void {
    this.#register('transcoder', () => this.#bus.registerTranscoder(...parameters));
  }

  /** Tells whoever listens of something that happened to a stream in this plugin. */
  announce<E extends AnnouncedEvent>(event: E, payload: MediaEvents[E]): void {
    this.#bus.announce(event, payload);
  }

  /** Listens to an event of the bus until the plugin goes, also while the version drains: for what concerns its own sessions. */
  on: MediaBus['on'] = (event, listener) => {
    const held = this.#scope.add(`listener of ${event}`, this.#listen(event, listener));
    return () => void held.release();
  };

  /** Listens to an event of the bus from the switch until the next version serves: for what begins with the event, which one version must do. */
  whileServing<E extends keyof MediaEvents>(event: E, listener: (payload: MediaEvents[E]) => void): void {
    this.#register(`listener of ${event}`, () => this.#listen(event, listener));
  }

  #listen<E extends keyof MediaEvents>(event: E, listener: (payload: MediaEvents[E]) => void): () => void {
    return this.#bus.on(event, (payload) => void callOwner(this.#owner, () => listener(payload)));
  }
}
