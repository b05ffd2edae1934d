import { commandMessage } from '../wire/command.ts';
import type { RtmpMessage } from '../wire/message.ts';

/** Codes of `onStatus` and of answers that we send, with their levels. @see RTMP 1.0 section 7.2 */
const LEVELS = {
  'NetConnection.Connect.Success': 'status',
  'NetConnection.Connect.Rejected': 'error',
  'NetConnection.Connect.Closed': 'status',
  'NetConnection.Call.Failed': 'error',
  'NetStream.Publish.Start': 'status',
  'NetStream.Publish.BadName': 'error',
  'NetStream.Publish.Denied': 'error',
  'NetStream.Unpublish.Success': 'status',
  'NetStream.Play.Reset': 'status',
  'NetStream.Play.Start': 'status',
  'NetStream.Play.Stop': 'status',
  'NetStream.Play.Failed': 'error',
  'NetStream.Play.StreamNotFound': 'error',
  'NetStream.Play.PublishNotify': 'status',
  'NetStream.Play.UnpublishNotify': 'status',
  'NetStream.Seek.Notify': 'status',
  'NetStream.Pause.Notify': 'status',
  'NetStream.Unpause.Notify': 'status',
} as const;

/** A code of the table. */
export type StatusCode = keyof typeof LEVELS;

/** The information object of a status. */
export function statusInfo(code: StatusCode, description: string): { readonly level: string; readonly code: string; readonly description: string } {
  return { level: LEVELS[code], code, description };
}

/** Tells the peer what became of a message stream (or, on stream 0, of the connection). */
export function statusMessage(streamId: number, code: StatusCode, description: string): RtmpMessage {
  return commandMessage(streamId, 'onStatus', 0, null, statusInfo(code, description));
}
