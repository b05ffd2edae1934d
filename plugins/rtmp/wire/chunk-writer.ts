import { MESSAGE_TYPE, type RtmpMessage } from './message.ts';

/** Payload bytes of each chunk that we send; `setChunkSizeMessage` announces it before the first longer message. */
export const OUT_CHUNK_BYTES = 65_535;

/** Chunk streams that we send on. */
const CHUNK_STREAM = { control: 2, command: 3, audio: 4, data: 5, video: 6 } as const;

const EXTENDED_TIMESTAMP = 0xffffff;
const FULL_HEADER_BYTES = 12;
const FORMAT_3 = 0xc0;

/** Where bytes are appended: a batch of a fan-out, or the list of a single message. */
export interface ByteSink {
  /** Appends bytes, by copying them or by holding on to them. */
  put(bytes: Uint8Array): void;
}

/**
 * Appends one message in chunks of `OUT_CHUNK_BYTES`, always with a full header and an absolute time stamp, so that its
 * bytes don't depend on what the peer was sent before and all peers may share them. The body isn't copied.
 *
 * @param body the payload, chunk after chunk
 * @see RTMP 1.0 section 5.3.1
 */
export function appendMessage(out: ByteSink, type: number, streamId: number, timestampMs: number, body: readonly Uint8Array[]): void {
  let length = 0;
  for (const part of body) length += part.length;
  const chunkStream = chunkStreamOf(type);
  const timestamp = timestampMs >>> 0;
  out.put(fullHeader(chunkStream, timestamp, length, type, streamId));
  const separator = continuation(chunkStream, timestamp);
  let room = OUT_CHUNK_BYTES;
  for (const part of body) {
    for (let at = 0; at < part.length; ) {
      if (room === 0) {
        out.put(separator);
        room = OUT_CHUNK_BYTES;
      }
      const end = Math.min(part.length, at + room);
      out.put(at === 0 && end === part.length ? part : part.subarray(at, end));
      room -= end - at;
      at = end;
    }
  }
}

/** Encodes one message as the bytes to send. */
export function encodeMessage(message: RtmpMessage): Buffer {
  const parts: Uint8Array[] = [];
  const out: ByteSink = { put: (bytes) => void parts.push(bytes) };
  appendMessage(out, message.type, message.streamId, message.timestampMs, [message.payload]);
  return Buffer.concat(parts);
}

function chunkStreamOf(type: number): number {
  switch (type) {
    case MESSAGE_TYPE.audio:
      return CHUNK_STREAM.audio;
    case MESSAGE_TYPE.video:
      return CHUNK_STREAM.video;
    case MESSAGE_TYPE.dataAmf0:
    case MESSAGE_TYPE.dataAmf3:
      return CHUNK_STREAM.data;
    case MESSAGE_TYPE.commandAmf0:
    case MESSAGE_TYPE.commandAmf3:
      return CHUNK_STREAM.command;
    default:
      return CHUNK_STREAM.control;
  }
}

function fullHeader(chunkStream: number, timestamp: number, length: number, type: number, streamId: number): Uint8Array {
  const extended = timestamp >= EXTENDED_TIMESTAMP;
  const header = Buffer.allocUnsafe(FULL_HEADER_BYTES + (extended ? 4 : 0));
  header[0] = chunkStream;
  header.writeUIntBE(extended ? EXTENDED_TIMESTAMP : timestamp, 1, 3);
  header.writeUIntBE(length, 4, 3);
  header[7] = type;
  header.writeUInt32LE(streamId, 8);
  if (extended) header.writeUInt32BE(timestamp, FULL_HEADER_BYTES);
  return header;
}

/** What goes between two chunks of a message; an extended time stamp is repeated. @see RTMP 1.0 section 5.3.1.3 */
function continuation(chunkStream: number, timestamp: number): Uint8Array {
  if (timestamp < EXTENDED_TIMESTAMP) return Uint8Array.of(FORMAT_3 | chunkStream);
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = FORMAT_3 | chunkStream;
  bytes.writeUInt32BE(timestamp, 1);
  return bytes;
}
