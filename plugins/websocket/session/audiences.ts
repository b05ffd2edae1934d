import type { StreamEventType } from '../wire/client-message.ts';
import type { Delivery } from './rooms.ts';

/** A client's stream, published or played. */
export interface AudienceStream {
  readonly sessionId: string;
  readonly mediaSessionId: string;
  /** Name on the server. */
  readonly streamName: string;
}

/** All audiences as plain data. */
export type AudiencesState = readonly {
  readonly streamName: string;
  readonly publisher: AudienceStream | undefined;
  readonly audioMuted: boolean;
  readonly videoMuted: boolean;
  readonly subscribers: readonly AudienceStream[];
}[];

interface Audience {
  publisher: AudienceStream | undefined;
  audioMuted: boolean;
  videoMuted: boolean;
  readonly subscribers: Map<string, AudienceStream>;
}

/**
 * Who plays which stream over this signalling, and what publishers say about theirs: mute states, which late
 * subscribers are told, and data.
 *
 * @see WebSocket signalling section 5.2
 */
export class Audiences {
  readonly #audiences = new Map<string, Audience>();

  constructor(state: AudiencesState = []) {
    for (const { streamName, subscribers, ...rest } of state) {
      this.#audiences.set(streamName, { ...rest, subscribers: new Map(subscribers.map((subscriber) => [keyOf(subscriber), subscriber])) });
    }
  }

  published(publisher: AudienceStream): void {
    const audience = this.#audience(publisher.streamName);
    audience.publisher = publisher;
    audience.audioMuted = audience.videoMuted = false;
  }

  unpublished(publisher: AudienceStream): void {
    const audience = this.#audiences.get(publisher.streamName);
    // A publisher that took the name over has its own mute state.
    if (audience?.publisher === undefined || keyOf(audience.publisher) !== keyOf(publisher)) return;
    audience.publisher = undefined;
    audience.audioMuted = audience.videoMuted = false;
    this.#forgetIfEmpty(publisher.streamName, audience);
  }

  /** A client plays the stream from now on; it is told what is muted. */
  subscribed(subscriber: AudienceStream): readonly Delivery[] {
    const audience = this.#audience(subscriber.streamName);
    audience.subscribers.set(keyOf(subscriber), subscriber);
    return [
      ...(audience.audioMuted ? [eventFor(subscriber, 'audioMuted', undefined)] : []),
      ...(audience.videoMuted ? [eventFor(subscriber, 'videoMuted', undefined)] : []),
    ];
  }

  unsubscribed(subscriber: AudienceStream): void {
    const audience = this.#audiences.get(subscriber.streamName);
    if (audience?.subscribers.delete(keyOf(subscriber)) === true) this.#forgetIfEmpty(subscriber.streamName, audience);
  }

  /** A publisher says something about its stream; what anybody else says is ignored. */
  event(publisher: AudienceStream, type: StreamEventType, payload: unknown): readonly Delivery[] {
    const audience = this.#audiences.get(publisher.streamName);
    if (audience?.publisher === undefined || keyOf(audience.publisher) !== keyOf(publisher)) return [];
    if (type === 'audioMuted' || type === 'audioUnmuted') audience.audioMuted = type === 'audioMuted';
    if (type === 'videoMuted' || type === 'videoUnmuted') audience.videoMuted = type === 'videoMuted';
    return [...audience.subscribers.values()].map((subscriber) => eventFor(subscriber, type, payload));
  }

  exportState(): AudiencesState {
    return [...this.#audiences].map(([streamName, { subscribers, ...rest }]) => ({ streamName, ...rest, subscribers: [...subscribers.values()] }));
  }

  #audience(streamName: string): Audience {
    const known = this.#audiences.get(streamName);
    if (known !== undefined) return known;
    const made: Audience = { publisher: undefined, audioMuted: false, videoMuted: false, subscribers: new Map() };
    this.#audiences.set(streamName, made);
    return made;
  }

  #forgetIfEmpty(streamName: string, { publisher, subscribers }: Audience): void {
    if (publisher === undefined && subscribers.size === 0) this.#audiences.delete(streamName);
  }
}

function keyOf({ sessionId, mediaSessionId }: AudienceStream): string {
  return `${sessionId} ${mediaSessionId}`;
}

function eventFor({ sessionId, mediaSessionId }: AudienceStream, type: StreamEventType, payload: unknown): Delivery {
  return { sessionId, message: { type: 'notifyStreamEvent', event: { mediaSessionId, type, ...(payload === undefined ? {} : { payload }) } } };
}
