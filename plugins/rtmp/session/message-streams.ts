import type { Activity } from './session-state.ts';

/** Message streams of a connection, at most. */
export const MAX_MESSAGE_STREAMS = 16;

const IDLE: Activity = { type: 'idle' };

/** The message streams of one connection and what they are used for. */
export class MessageStreams {
  readonly #activities: Map<number, Activity>;

  constructor(saved: readonly { readonly id: number; readonly activity: Activity }[]) {
    this.#activities = new Map(saved.map(({ id, activity }) => [id, activity]));
  }

  /** Opens the lowest free stream from 1 on, so that nearly every player plays on stream 1 and shares its bytes; undefined when there are enough. */
  open(): number | undefined {
    for (let id = 1; id <= MAX_MESSAGE_STREAMS; id++) {
      if (this.#activities.has(id)) continue;
      this.#activities.set(id, IDLE);
      return id;
    }
    return undefined;
  }

  has(id: number): boolean {
    return this.#activities.has(id);
  }

  /** What the stream is used for: idle when there is no such stream. */
  activity(id: number): Activity {
    return this.#activities.get(id) ?? IDLE;
  }

  use(id: number, activity: Activity): void {
    this.#activities.set(id, activity);
  }

  idle(id: number): void {
    if (this.#activities.has(id)) this.#activities.set(id, IDLE);
  }

  close(id: number): void {
    this.#activities.delete(id);
  }

  list(): { readonly id: number; readonly activity: Activity }[] {
    return [...this.#activities].map(([id, activity]) => ({ id, activity }));
  }
}
