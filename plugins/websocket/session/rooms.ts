import type { RoomCommand } from '../wire/room-command.ts';
import type { ServerMessage } from '../wire/server-message.ts';

/** A message for the client of a session. */
export interface Delivery {
  readonly sessionId: string;
  readonly message: ServerMessage;
}

/** Who asks. */
export interface RoomMember {
  readonly sessionId: string;
  readonly appKey: string;
  /** `custom.login` of the connection. */
  readonly login: string | undefined;
}

/** How much rooms may hold. */
export interface RoomLimits {
  readonly maxMembers: number;
  readonly maxRoomsPerSession: number;
}

/** All rooms as plain data. */
export type RoomsState = readonly {
  readonly appKey: string;
  readonly name: string;
  readonly members: readonly { readonly login: string; readonly sessionId: string; readonly streams: readonly string[] }[];
}[];

interface Member {
  readonly login: string;
  readonly sessionId: string;
  /** Published streams that the others were told of. */
  readonly streams: Set<string>;
}

interface Room {
  readonly appKey: string;
  readonly name: string;
  readonly members: Map<string, Member>;
}

/**
 * The room application: who is in which room, and what each member is told. Of one member the others always hear
 * JOINED, PUBLISHED, UNPUBLISHED, LEFT in that order; the SDK throws at any other.
 *
 * @see WebSocket signalling section 7.2
 */
export class Rooms {
  readonly #limits: RoomLimits;
  readonly #newId: () => string;
  readonly #rooms = new Map<string, Room>();
  readonly #roomsOf = new Map<string, Set<Room>>();

  /** @param newId makes ids of data operations */
  constructor(limits: RoomLimits, newId: () => string, state: RoomsState = []) {
    this.#limits = limits;
    this.#newId = newId;
    for (const { appKey, name, members } of state) {
      const room: Room = { appKey, name, members: new Map() };
      this.#rooms.set(keyOf(appKey, name), room);
      for (const { login, sessionId, streams } of members) this.#enter(room, { login, sessionId, streams: new Set(streams) });
    }
  }

  /** Carries out a member's command; the answer to it comes first. */
  command(by: RoomMember, operationId: string, command: RoomCommand): readonly Delivery[] {
    switch (command.type) {
      case 'join':
        return this.#join(by, operationId, command.room);
      case 'leave':
        return this.#leave(by, operationId, command.room);
      case 'sendMessage':
        return this.#sendMessage(by, operationId, command.room, command.to, command.text);
    }
  }

  /** A member's stream flows: the others may play it. */
  published({ sessionId, appKey }: RoomMember, roomName: string, streamName: string): readonly Delivery[] {
    const found = this.#find(sessionId, appKey, roomName);
    if (found === undefined || found.member.streams.has(streamName)) return [];
    found.member.streams.add(streamName);
    return this.#toOthers(found.room, found.member, 'PUBLISHED', { login: found.member.login, name: streamName });
  }

  /** A member's stream has ended; nothing is said of one that was never told. */
  unpublished({ sessionId, appKey }: RoomMember, roomName: string, streamName: string, failed: boolean): readonly Delivery[] {
    const found = this.#find(sessionId, appKey, roomName);
    if (found?.member.streams.delete(streamName) !== true) return [];
    return this.#toOthers(found.room, found.member, failed ? 'FAILED' : 'UNPUBLISHED', { login: found.member.login, name: streamName });
  }

  /** The client is gone: it leaves every room, its streams first. */
  sessionEnded(sessionId: string): readonly Delivery[] {
    const deliveries: Delivery[] = [];
    for (const room of [...(this.#roomsOf.get(sessionId) ?? [])]) {
      const member = memberOf(room, sessionId);
      if (member === undefined) continue;
      for (const name of member.streams) deliveries.push(...this.#toOthers(room, member, 'UNPUBLISHED', { login: member.login, name }));
      deliveries.push(...this.#exit(room, member));
    }
    return deliveries;
  }

  exportState(): RoomsState {
    return [...this.#rooms.values()].map(({ appKey, name, members }) => ({
      appKey,
      name,
      members: [...members.values()].map(({ login, sessionId, streams }) => ({ login, sessionId, streams: [...streams] })),
    }));
  }

  #join({ sessionId, appKey, login }: RoomMember, operationId: string, name: string): readonly Delivery[] {
    const reject = (info: string): readonly Delivery[] => [rejected(sessionId, operationId, info)];
    if (login === undefined) return reject('A login is required to join a room');
    const room = this.#rooms.get(keyOf(appKey, name)) ?? { appKey, name, members: new Map<string, Member>() };
    if (memberOf(room, sessionId) !== undefined) return reject('The room has been joined already');
    if (room.members.has(login)) return reject('Login is already in use');
    if (room.members.size >= this.#limits.maxMembers) return reject(`The room is full: ${this.#limits.maxMembers} members`);
    if ((this.#roomsOf.get(sessionId)?.size ?? 0) >= this.#limits.maxRoomsPerSession) return reject('Too many rooms of one session');
    const others = [...room.members.values()];
    const member: Member = { login, sessionId, streams: new Set() };
    this.#rooms.set(keyOf(appKey, name), room);
    this.#enter(room, member);
    const state = others.flatMap((other): (string | { login: string; name: string })[] => (other.streams.size === 0 ? [other.login] : [...other.streams].map((stream) => ({ login: other.login, name: stream }))));
    return [accepted(sessionId, operationId), this.#event(sessionId, name, 'STATE', state), ...this.#toOthers(room, member, 'JOINED', login)];
  }

  #leave({ sessionId, appKey }: RoomMember, operationId: string, name: string): readonly Delivery[] {
    const found = this.#find(sessionId, appKey, name);
    if (found === undefined) return [rejected(sessionId, operationId, 'The room has not been joined')];
    return [accepted(sessionId, operationId), ...this.#exit(found.room, found.member)];
  }

  #sendMessage({ sessionId, appKey }: RoomMember, operationId: string, name: string, to: string, text: unknown): readonly Delivery[] {
    const found = this.#find(sessionId, appKey, name);
    if (found === undefined) return [rejected(sessionId, operationId, 'The room has not been joined')];
    const addressee = found.room.members.get(to);
    if (addressee === undefined) return [rejected(sessionId, operationId, 'The addressee is not in the room')];
    return [accepted(sessionId, operationId), this.#event(addressee.sessionId, name, 'MESSAGE', { from: found.member.login, text })];
  }

  #find(sessionId: string, appKey: string, name: string): { readonly room: Room; readonly member: Member } | undefined {
    const room = this.#rooms.get(keyOf(appKey, name));
    const member = room === undefined ? undefined : memberOf(room, sessionId);
    return room === undefined || member === undefined ? undefined : { room, member };
  }

  #enter(room: Room, member: Member): void {
    room.members.set(member.login, member);
    const rooms = this.#roomsOf.get(member.sessionId) ?? new Set();
    rooms.add(room);
    this.#roomsOf.set(member.sessionId, rooms);
  }

  #exit(room: Room, member: Member): readonly Delivery[] {
    room.members.delete(member.login);
    if (room.members.size === 0) this.#rooms.delete(keyOf(room.appKey, room.name));
    const rooms = this.#roomsOf.get(member.sessionId);
    rooms?.delete(room);
    if (rooms?.size === 0) this.#roomsOf.delete(member.sessionId);
    return this.#toOthers(room, member, 'LEFT', member.login);
  }

  #toOthers(room: Room, about: Member, event: string, info: unknown): readonly Delivery[] {
    return [...room.members.values()].filter((other) => other !== about).map(({ sessionId }) => this.#event(sessionId, room.name, event, info));
  }

  #event(sessionId: string, roomName: string, name: string, info: unknown): Delivery {
    return { sessionId, message: { type: 'OnDataEvent', operationId: this.#newId(), payload: { roomName, name, info } } };
  }
}

function memberOf(room: Room, sessionId: string): Member | undefined {
  for (const member of room.members.values()) if (member.sessionId === sessionId) return member;
  return undefined;
}

/** Rooms of different applications are different rooms. */
function keyOf(appKey: string, name: string): string {
  return JSON.stringify([appKey, name]);
}

function accepted(sessionId: string, operationId: string): Delivery {
  return { sessionId, message: { type: 'DataStatusEvent', operationId, accepted: true } };
}

function rejected(sessionId: string, operationId: string, info: string): Delivery {
  return { sessionId, message: { type: 'DataStatusEvent', operationId, accepted: false, info } };
}
