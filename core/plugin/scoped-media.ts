import type { MediaBus, PublishOptions } from '../media/media-bus.ts';
import type { Publication } from '../media/publication.ts';
import type { Stream, SubscribeOptions, Subscription } from '../media/stream.ts';
import type { Scope } from '../scope/scope.ts';

/** Subscribes until the scope closes; closing the subscription earlier lets the scope forget it. */
export function subscribeInScope(scope: Scope, stream: Stream, options: SubscribeOptions): Subscription {
  const subscription = stream.subscribe(options);
  const held = scope.add(`subscription to ${stream.name}`, () => subscription.close());
  return {
    get state() {
      return subscription.state;
    },
    get counters() {
      return subscription.counters;
    },
    close: () => void held.release(),
  };
}

/** Registers something visible to others; takes effect when the generation starts to serve. */
type Register = (label: string, register: () => () => void) => void;

/** The media bus as a plugin sees it: everything is released with the plugin's scope. */
export class ScopedMedia {
  readonly #bus: MediaBus;
  readonly #scope: Scope;
  readonly #register: Register;

  constructor(bus: MediaBus, scope: Scope, register: Register) {
    this.#bus = bus;
    this.#scope = scope;
    this.#register = register;
  }

  /** Publishes a stream; suspended when the plugin goes without ending it. */
  publish(options: PublishOptions): Publication {
    const publication = this.#bus.publish(options);
    this.#scope.add(`publication of ${options.name}`, () => publication.suspend('Stopped by session disconnect'));
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
    return subscribeInScope(this.#scope, stream, options);
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

  /** Listens to an event of the bus until the plugin goes. */
  on: MediaBus['on'] = (event, listener) => {
    const off = this.#bus.on(event, listener);
    const held = this.#scope.add(`listener of ${event}`, off);
    return () => void held.release();
  };
}
