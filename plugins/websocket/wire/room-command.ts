import { isRecord } from './envelope.ts';
import { MAX_WORD_LENGTH } from './limits.ts';

/** What a member asks of a room. @see WebSocket signalling section 7.2 */
export type RoomCommand =
  | { readonly type: 'join' | 'leave'; readonly room: string }
  | { readonly type: 'sendMessage'; readonly room: string; readonly to: string; readonly text: unknown };

/** Reads the payload of `sendData` as a room command; undefined when it is something else. */
export function parseRoomCommand(payload: unknown): RoomCommand | undefined {
  if (!isRecord(payload) || !isRecord(payload.options)) return undefined;
  const { command, options } = payload;
  if (command === 'join' || command === 'leave') {
    const room = roomName(options);
    return room === undefined ? undefined : { type: command, room };
  }
  if (command !== 'sendMessage' || !isRecord(options.roomConfig) || typeof options.to !== 'string') return undefined;
  const room = roomName(options.roomConfig);
  return room === undefined ? undefined : { type: 'sendMessage', room, to: options.to, text: options.text };
}

/** The room that the `custom` object of a stream names, if any. */
export function roomOfStream(custom: unknown): string | undefined {
  return isRecord(custom) ? roomName(custom) : undefined;
}

/** The login that the `custom` object of a connection names, if any. */
export function loginOf(custom: unknown): string | undefined {
  if (!isRecord(custom)) return undefined;
  const { login } = custom;
  return typeof login === 'string' && login !== '' && login.length <= MAX_WORD_LENGTH ? login : undefined;
}

function roomName({ name }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof name === 'string' && name !== '' && name.length <= MAX_WORD_LENGTH ? name : undefined;
}
