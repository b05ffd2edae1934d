import { ProtocolError } from 'wcs-core';
import Rtmp, { type EnginePacket } from 'node-media-server/src/protocol/rtmp.js';
import type { ChunkEngineState, ChunkStreamState } from './chunk-state.ts';
import { encodeMessage } from './chunk-writer.ts';
import { acknowledgementMessage } from './control.ts';
import { HANDSHAKE_VERSION } from './handshake.ts';
import { MESSAGE_TYPE, type RtmpMessage } from './message.ts';

const HANDSHAKE = { start: 0, done: 3 } as const;

/** Bytes of one message, at most. */
export const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
/** Bytes of one message before the server has accepted the connection: room for a `connect`, not for media. */
export const MAX_EARLY_MESSAGE_BYTES = 64 * 1024;
/** Bytes of all unfinished messages of a connection, at most, counted at their full length. */
export const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
/** Chunk streams of a connection, at most. */
export const MAX_CHUNK_STREAMS = 64;
/** Greater chunk sizes mean the same, since no message is longer. @see RTMP 1.0 section 5.4.1 */
const MAX_CHUNK_BYTES = 0xffffff;
/** How often the bytes received are acknowledged to a peer that doesn't say. */
const DEFAULT_ACK_WINDOW_BYTES = 2_500_000;

/** A chunk stream as the engine underneath sees it, with what it lacks. */
interface ChunkStream extends EnginePacket {
  /** True from the first header of a message to its last byte. */
  started: boolean;
  /** The message's memory, allotted at its exact length and handed over with it. */
  whole: Buffer;
  /** Where in `whole` the engine's own count of bytes begins. */
  countedFrom: number;
  messageClockMs: number;
}

/** What a chunk engine tells. */
export interface ChunkEngineHandlers {
  onMessage(message: RtmpMessage): void;
  /** Bytes of the handshake, or an acknowledgement, for the peer. */
  onOutput(bytes: Buffer): void;
}

const EMPTY = Buffer.alloc(0);

/**
 * Handshake and chunk reader of one connection: bytes in, whole messages out. Protocol control messages are obeyed
 * here and not passed on. Builds on node-media-server's state machine and takes over wherever that trusts the peer:
 * ids, lengths, chunk sizes, and the memory of messages, which is never used twice.
 *
 * @see RTMP 1.0 section 5
 */
export class ChunkEngine extends Rtmp {
  /** Bytes of one message from now on, at most. */
  maxMessageBytes = MAX_EARLY_MESSAGE_BYTES;
  readonly #handlers: ChunkEngineHandlers;
  readonly #streams = new Map<number, ChunkStream>();
  #current: ChunkStream | undefined;
  #bufferedBytes = 0;
  #receivedBytes = 0;
  #acknowledgedBytes = 0;
  #ackWindowBytes = DEFAULT_ACK_WINDOW_BYTES;

  /**
   * @param state where another engine left off, from its `exportState`
   * @param side which end of the connection this is: a client's owner has sent `encodeClientHello()` first
   */
  constructor(handlers: ChunkEngineHandlers, state?: ChunkEngineState, side: 'server' | 'client' = 'server') {
    super();
    // A reader of FLV files with a megabyte of its own, which our messages never go through.
    this.flv = undefined;
    this.#handlers = handlers;
    // The engine knows the server's answer only; both sides' parts have the same lengths, and C2 repeats what came as S1.
    this.onOutputCallback = (bytes) => handlers.onOutput(side === 'server' ? bytes : Buffer.from(this.handshakePayload));
    if (state !== undefined) this.#restore(state);
  }

  /** True when messages can come. */
  get handshakeDone(): boolean {
    return this.handshakeState === HANDSHAKE.done;
  }

  /** Memory allotted to unfinished messages. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /**
   * Takes what has arrived; calls the handlers before it returns.
   *
   * @throws ProtocolError when the peer breaks the protocol or a limit; the engine is of no use afterwards
   */
  feed(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.handshakeState === HANDSHAKE.start && bytes[0] !== HANDSHAKE_VERSION) throw new ProtocolError(`RTMP: handshake version ${bytes[0] ?? 0}`, 0);
    this.#receivedBytes += bytes.length;
    this.parserData(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    if (!this.handshakeDone) return;
    this.handshakePayload = EMPTY;
    this.#acknowledge();
  }

  /** Everything the engine knows, in memory of its own. */
  exportState(): ChunkEngineState {
    return {
      handshake: { phase: this.handshakeState, received: Buffer.from(this.handshakePayload.subarray(0, this.handshakeBytes)) },
      parser: {
        phase: this.parserState,
        header: Buffer.from(this.parserBuffer.subarray(0, this.parserBytes)),
        basicHeaderBytes: this.parserBasicBytes,
        chunkStreamId: this.#current?.header.cid,
      },
      chunkSize: this.inChunkSize,
      chunkStreams: [...this.#streams.values()].map(exportStream),
      ackWindowBytes: this.#ackWindowBytes,
      receivedBytes: this.#receivedBytes,
      acknowledgedBytes: this.#acknowledgedBytes,
      maxMessageBytes: this.maxMessageBytes,
    };
  }

  /** A header is complete: finds its chunk stream. The engine's own way miscounts 3-byte ids and lets any header begin a stream. */
  override packetParse(): void {
    const format = (this.parserBuffer[0] ?? 0) >> 6;
    const stream = this.#streamOf(this.#chunkStreamId(), format);
    const { type, stream_id: streamId } = stream.header;
    stream.header.fmt = format;
    this.parserPacket = stream;
    this.#current = stream;
    this.chunkMessageHeaderRead();
    if (!stream.started || format > 1) return;
    const sameStream = format !== 0 || stream.header.stream_id === streamId;
    if (stream.header.length !== stream.whole.length || stream.header.type !== type || !sameStream) {
      throw new ProtocolError('RTMP: a message changed its length, type or stream before it was complete');
    }
    stream.header.length = stream.whole.length - stream.countedFrom;
  }

  /** Called at the first payload byte of a message; also once more where `#setChunkSize` made the engine count anew. */
  override packetAlloc(): void {
    const stream = this.#present();
    if (stream.started) {
      stream.clock = stream.messageClockMs;
      return;
    }
    const { length } = stream.header;
    if (length > this.maxMessageBytes) throw new ProtocolError(`RTMP: a message of ${length} bytes; ${this.maxMessageBytes} are allowed`);
    if (this.#bufferedBytes + length > MAX_BUFFERED_BYTES) throw new ProtocolError(`RTMP: more than ${MAX_BUFFERED_BYTES} bytes in unfinished messages`);
    this.#bufferedBytes += length;
    // The engine drops what comes after 2^32 ms instead of wrapping.
    stream.clock >>>= 0;
    begin(stream, length === 0 ? EMPTY : Buffer.allocUnsafe(length), 0);
  }

  /** A message is complete. */
  override packetHandler(): void {
    const stream = this.#present();
    const { header, clock, whole } = stream;
    this.#finish(stream);
    const message: RtmpMessage = { type: header.type, streamId: header.stream_id, timestampMs: clock, payload: whole };
    switch (header.type) {
      case MESSAGE_TYPE.setChunkSize:
        this.#setChunkSize(controlNumber(whole));
        return;
      case MESSAGE_TYPE.abort:
        this.#abort(controlNumber(whole));
        return;
      case MESSAGE_TYPE.windowAckSize:
        this.#ackWindowBytes = Math.max(1, controlNumber(whole));
        return;
      case MESSAGE_TYPE.acknowledgement:
      case MESSAGE_TYPE.setPeerBandwidth:
        // Neither limits us: the backlog of the connection does.
        return;
      default:
        this.#handlers.onMessage(message);
    }
  }

  #chunkStreamId(): number {
    const [first = 0, second = 0, third = 0] = this.parserBuffer;
    if (this.parserBasicBytes === 2) return 64 + second;
    return this.parserBasicBytes === 3 ? 64 + second + (third << 8) : first & 0x3f;
  }

  #streamOf(id: number, format: number): ChunkStream {
    const known = this.#streams.get(id);
    if (known !== undefined) return known;
    // Format 1 leaves only the message stream out, and some encoders begin their control stream so.
    if (format > 1) throw new ProtocolError(`RTMP: chunk stream ${id} begins with a header of format ${format}`);
    if (this.#streams.size >= MAX_CHUNK_STREAMS) throw new ProtocolError(`RTMP: more than ${MAX_CHUNK_STREAMS} chunk streams`);
    const made = emptyStream(id);
    this.#streams.set(id, made);
    return made;
  }

  #present(): ChunkStream {
    if (this.#current === undefined) throw new ProtocolError('RTMP: payload without a header');
    return this.#current;
  }

  #finish(stream: ChunkStream): void {
    this.#bufferedBytes -= stream.whole.length;
    // A header of format 2 or 3 takes the length over to the next message.
    stream.header.length = stream.whole.length;
    stream.started = false;
    stream.whole = stream.payload = EMPTY;
    stream.bytes = 0;
  }

  #setChunkSize(size: number): void {
    if (size === 0 || size > 0x7fffffff) throw new ProtocolError(`RTMP: chunk size ${size}`);
    this.inChunkSize = Math.min(size, MAX_CHUNK_BYTES);
    // The engine finds the ends of chunks by dividing what has come of a message, which only works from its last change of size.
    for (const stream of this.#streams.values()) if (stream.started) countFrom(stream, stream.countedFrom + stream.bytes);
  }

  #abort(chunkStreamId: number): void {
    const stream = this.#streams.get(chunkStreamId);
    if (stream?.started === true) this.#finish(stream);
  }

  #acknowledge(): void {
    if (this.#receivedBytes - this.#acknowledgedBytes < this.#ackWindowBytes) return;
    this.#acknowledgedBytes = this.#receivedBytes;
    this.#handlers.onOutput(encodeMessage(acknowledgementMessage(this.#receivedBytes)));
  }

  #restore(state: ChunkEngineState): void {
    this.handshakeState = state.handshake.phase;
    this.handshakeBytes = state.handshake.received.length;
    this.handshakePayload.set(state.handshake.received);
    this.parserState = state.parser.phase;
    this.parserBytes = state.parser.header.length;
    this.parserBuffer.set(state.parser.header);
    this.parserBasicBytes = state.parser.basicHeaderBytes;
    this.inChunkSize = state.chunkSize;
    this.maxMessageBytes = state.maxMessageBytes;
    this.#ackWindowBytes = state.ackWindowBytes;
    this.#receivedBytes = state.receivedBytes;
    this.#acknowledgedBytes = state.acknowledgedBytes;
    for (const saved of state.chunkStreams) {
      const stream = restoreStream(saved);
      this.#streams.set(saved.id, stream);
      this.#bufferedBytes += stream.whole.length;
      if (saved.id === state.parser.chunkStreamId) this.parserPacket = this.#current = stream;
    }
  }
}

function emptyStream(id: number): ChunkStream {
  const header = { fmt: 0, cid: id, timestamp: 0, length: 0, type: 0, stream_id: 0 };
  return { header, clock: 0, payload: EMPTY, capacity: 0, bytes: 0, started: false, whole: EMPTY, countedFrom: 0, messageClockMs: 0 };
}

function begin(stream: ChunkStream, memory: Buffer, countedFrom: number): void {
  stream.started = true;
  stream.whole = memory;
  stream.messageClockMs = stream.clock;
  stream.bytes = 0;
  countFrom(stream, countedFrom);
}

/** Makes the engine count the message's bytes from there on; what came before is kept in `whole`. */
function countFrom(stream: ChunkStream, at: number): void {
  stream.countedFrom = at;
  stream.payload = stream.whole.subarray(at);
  stream.header.length = stream.whole.length - at;
  stream.bytes = 0;
}

function exportStream(stream: ChunkStream): ChunkStreamState {
  const { header, started, whole, countedFrom, bytes } = stream;
  return {
    id: header.cid,
    format: header.fmt,
    timestampField: header.timestamp,
    type: header.type,
    streamId: header.stream_id,
    clockMs: stream.clock,
    length: started ? whole.length : header.length,
    received: started ? Buffer.from(whole.subarray(0, countedFrom + bytes)) : undefined,
    countedFrom: started ? countedFrom : 0,
  };
}

function restoreStream(saved: ChunkStreamState): ChunkStream {
  const stream = emptyStream(saved.id);
  stream.header = { fmt: saved.format, cid: saved.id, timestamp: saved.timestampField, length: saved.length, type: saved.type, stream_id: saved.streamId };
  stream.clock = saved.clockMs;
  if (saved.received === undefined) return stream;
  const memory = Buffer.allocUnsafe(saved.length);
  memory.set(saved.received);
  begin(stream, memory, saved.countedFrom);
  stream.bytes = saved.received.length - saved.countedFrom;
  return stream;
}

function controlNumber(payload: Buffer): number {
  if (payload.length < 4) throw new ProtocolError('RTMP: a cut control message', payload.length);
  return payload.readUInt32BE(0);
}
