/** The part of node-media-server 4.4.3's protocol engine that `chunk-engine.ts` builds on; the package brings no types. */
declare module 'node-media-server/src/protocol/rtmp.js' {
  interface EnginePacket {
    header: { fmt: number; cid: number; timestamp: number; length: number; type: number; stream_id: number };
    /** Absolute time stamp in milliseconds; not wrapped at 2^32. */
    clock: number;
    payload: Buffer;
    capacity: number;
    /** Payload bytes received so far. */
    bytes: number;
  }

  class Rtmp {
    handshakePayload: Buffer;
    handshakeState: number;
    handshakeBytes: number;
    parserBuffer: Buffer;
    parserState: number;
    parserBytes: number;
    parserBasicBytes: number;
    parserPacket: EnginePacket;
    inPackets: Map<number, EnginePacket>;
    inChunkSize: number;
    flv: unknown;
    onOutputCallback: (bytes: Buffer) => void;
    parserData(bytes: Uint8Array): string | null;
    chunkMessageHeaderRead(): number;
    packetParse(): void;
    packetAlloc(): void;
    packetHandler(): void;
  }

  export type { EnginePacket };
  export default Rtmp;
}
