import { ProtocolError } from 'wcs-core';
import { MESSAGE_TYPE, type RtmpMessage } from './message.ts';

/** User control events that we send or read. @see RTMP 1.0 section 7.1.7 */
export const USER_EVENT = { streamBegin: 0, streamEof: 1, streamDry: 2, setBufferLength: 3, streamIsRecorded: 4, pingRequest: 6, pingResponse: 7 } as const;

/** How strictly the peer is to keep to the window. @see RTMP 1.0 section 5.4.5 */
const LIMIT_DYNAMIC = 2;

/** A user control message. */
export interface UserControl {
  /** A number of `USER_EVENT`, or one that nobody knows. */
  readonly event: number;
  /** First 32-bit number behind it: a stream id, or the time of a ping. */
  readonly value: number;
}

/** Reads a user control message. @throws ProtocolError when it is cut */
export function parseUserControl(payload: Uint8Array): UserControl {
  if (payload.length < 2) throw new ProtocolError('RTMP: a cut user control message', payload.length);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  return { event: view.getUint16(0), value: payload.length >= 6 ? view.getUint32(2) : 0 };
}

/** A user control message with one number. */
export function userControlMessage(event: number, value: number): RtmpMessage {
  const payload = Buffer.allocUnsafe(6);
  payload.writeUInt16BE(event, 0);
  payload.writeUInt32BE(value >>> 0, 2);
  return { type: MESSAGE_TYPE.userControl, streamId: 0, timestampMs: 0, payload };
}

/** Announces the size of the chunks that follow. */
export function setChunkSizeMessage(bytes: number): RtmpMessage {
  return numberMessage(MESSAGE_TYPE.setChunkSize, bytes);
}

/** Tells how many bytes have come. */
export function acknowledgementMessage(bytes: number): RtmpMessage {
  return numberMessage(MESSAGE_TYPE.acknowledgement, bytes);
}

/** Tells after how many bytes we send, or expect, an acknowledgement. */
export function windowAckSizeMessage(bytes: number): RtmpMessage {
  return numberMessage(MESSAGE_TYPE.windowAckSize, bytes);
}

/** Asks the peer to send no more than this many bytes ahead of our acknowledgements. */
export function setPeerBandwidthMessage(bytes: number): RtmpMessage {
  const payload = Buffer.allocUnsafe(5);
  payload.writeUInt32BE(bytes, 0);
  payload[4] = LIMIT_DYNAMIC;
  return { type: MESSAGE_TYPE.setPeerBandwidth, streamId: 0, timestampMs: 0, payload };
}

function numberMessage(type: number, value: number): RtmpMessage {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32BE(value >>> 0, 0);
  return { type, streamId: 0, timestampMs: 0, payload };
}
