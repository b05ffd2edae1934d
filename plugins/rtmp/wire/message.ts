/** Numbers of the message types. @see RTMP 1.0 sections 5.4 and 7.1 */
export const MESSAGE_TYPE = {
  setChunkSize: 1,
  abort: 2,
  acknowledgement: 3,
  userControl: 4,
  windowAckSize: 5,
  setPeerBandwidth: 6,
  audio: 8,
  video: 9,
  dataAmf3: 15,
  sharedObjectAmf3: 16,
  commandAmf3: 17,
  dataAmf0: 18,
  sharedObjectAmf0: 19,
  commandAmf0: 20,
  aggregate: 22,
} as const;

/** One message, whole: what chunks carry. */
export interface RtmpMessage {
  /** A number of `MESSAGE_TYPE`, or one that nobody knows. */
  readonly type: number;
  /** The message stream: 0 is the connection itself. */
  readonly streamId: number;
  /** Milliseconds modulo 2^32. */
  readonly timestampMs: number;
  /** Owned by whoever gets the message: the reader never touches it again. */
  readonly payload: Uint8Array;
}
