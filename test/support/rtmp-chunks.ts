import { ChunkEngine, MAX_MESSAGE_BYTES } from '../../plugins/rtmp/wire/chunk-engine.ts';
import type { RtmpMessage } from '../../plugins/rtmp/wire/message.ts';

/** One chunk, written out field by field, so that a test can break any of them. */
export interface RawChunk {
  readonly format: 0 | 1 | 2 | 3;
  readonly chunkStream: number;
  /** The 24-bit field; 0xffffff takes `extended` along. */
  readonly time?: number;
  readonly extended?: number;
  readonly length?: number;
  readonly type?: number;
  readonly streamId?: number;
  readonly payload?: Uint8Array;
}

/** The bytes of a chunk. */
export function rawChunk(chunk: RawChunk): Buffer {
  const { format, chunkStream: id, time = 0, length = chunk.payload?.length ?? 0, type = 9, streamId = 1 } = chunk;
  const basic = id >= 320 ? [(format << 6) | 1, (id - 64) & 0xff, (id - 64) >> 8] : id >= 64 ? [format << 6, id - 64] : [(format << 6) | id];
  const fields = Buffer.alloc(11);
  fields.writeUIntBE(time, 0, 3);
  fields.writeUIntBE(length, 3, 3);
  fields[6] = type;
  fields.writeUInt32LE(streamId, 7);
  const extended = Buffer.alloc(chunk.extended === undefined ? 0 : 4);
  if (chunk.extended !== undefined) extended.writeUInt32BE(chunk.extended);
  return Buffer.concat([Buffer.from(basic), fields.subarray(0, [11, 7, 3, 0][format]), extended, chunk.payload ?? Buffer.alloc(0)]);
}

/** What a client sends first: version, its 1536 bytes, and the answer to ours that nobody checks. */
export function clientHandshake(): Buffer {
  return Buffer.concat([Buffer.from([3]), Buffer.alloc(1536, 7), Buffer.alloc(1536, 9)]);
}

/** An engine, what it told, and how to feed it. */
export class Recorder {
  readonly messages: RtmpMessage[] = [];
  readonly output: Buffer[] = [];
  engine: ChunkEngine;

  constructor(handshake = true) {
    this.engine = this.#make();
    if (!handshake) return;
    this.engine.feed(clientHandshake());
    this.engine.maxMessageBytes = MAX_MESSAGE_BYTES;
    this.output.length = 0;
  }

  feed(...parts: readonly Uint8Array[]): this {
    for (const part of parts) this.engine.feed(part);
    return this;
  }

  /** Another engine goes on with a deep copy of the state, as after a swap. */
  handOver(): this {
    this.engine = this.#make(structuredClone(this.engine.exportState()));
    return this;
  }

  #make(state?: ConstructorParameters<typeof ChunkEngine>[1]): ChunkEngine {
    return new ChunkEngine({ onMessage: (message) => void this.messages.push(message), onOutput: (bytes) => void this.output.push(bytes) }, state);
  }
}
