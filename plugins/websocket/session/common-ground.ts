import type { StreamEventType } from '../wire/client-message.ts';
import type { RoomCommand } from '../wire/room-command.ts';
import { Audiences, type AudienceStream, type AudiencesState } from './audiences.ts';
import { Rooms, type Delivery, type RoomLimits, type RoomMember, type RoomsState } from './rooms.ts';

/** What sessions do to each other, as plain data. */
export type CommonAct =
  | { readonly type: 'roomCommand'; readonly by: RoomMember; readonly operationId: string; readonly command: RoomCommand }
  | { readonly type: 'streamLive' | 'streamGone'; readonly by: RoomMember; readonly stream: CommonStream; readonly failed?: boolean }
  | { readonly type: 'streamEvent'; readonly stream: AudienceStream; readonly event: StreamEventType; readonly payload: unknown }
  | { readonly type: 'sessionEnded'; readonly sessionId: string };

/** A stream that others may hear of. */
export interface CommonStream extends AudienceStream {
  /** Name by which the client knows it. */
  readonly name: string;
  readonly published: boolean;
  /** The room that it belongs to. */
  readonly room: string | undefined;
}

/** Rooms and audiences as plain data. */
export interface CommonState {
  readonly rooms: RoomsState;
  readonly audiences: AudiencesState;
}

/** Where sessions meet: every act of one, and what the others are told. Pure: acts in, deliveries out. */
export class CommonGround {
  readonly #rooms: Rooms;
  readonly #audiences: Audiences;

  /** @param state of the previous version */
  constructor(limits: RoomLimits, newId: () => string, state?: CommonState) {
    this.#rooms = new Rooms(limits, newId, state?.rooms);
    this.#audiences = new Audiences(state?.audiences);
  }

  perform(act: CommonAct): readonly Delivery[] {
    switch (act.type) {
      case 'roomCommand':
        return this.#rooms.command(act.by, act.operationId, act.command);
      case 'streamLive':
        return this.#streamLive(act.by, act.stream);
      case 'streamGone':
        return this.#streamGone(act.by, act.stream, act.failed ?? false);
      case 'streamEvent':
        return this.#audiences.event(act.stream, act.event, act.payload);
      case 'sessionEnded':
        return this.#rooms.sessionEnded(act.sessionId);
    }
  }

  exportState(): CommonState {
    return { rooms: this.#rooms.exportState(), audiences: this.#audiences.exportState() };
  }

  #streamLive(by: RoomMember, stream: CommonStream): readonly Delivery[] {
    if (!stream.published) return this.#audiences.subscribed(stream);
    this.#audiences.published(stream);
    return stream.room === undefined ? [] : this.#rooms.published(by, stream.room, stream.name);
  }

  #streamGone(by: RoomMember, stream: CommonStream, failed: boolean): readonly Delivery[] {
    if (stream.published) this.#audiences.unpublished(stream);
    else this.#audiences.unsubscribed(stream);
    return stream.published && stream.room !== undefined ? this.#rooms.unpublished(by, stream.room, stream.name, failed) : [];
  }
}
