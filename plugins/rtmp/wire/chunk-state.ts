/** A chunk stream as plain data. */
export interface ChunkStreamState {
  readonly id: number;
  /** Format of the last header, 0 to 3. */
  readonly format: number;
  /** The 24-bit time stamp field of the last header, absolute or a delta. */
  readonly timestampField: number;
  readonly type: number;
  readonly streamId: number;
  readonly clockMs: number;
  /** Length of the message that is being received or was received last. */
  readonly length: number;
  /** The bytes that have come of an unfinished message; undefined between messages. */
  readonly received: Uint8Array | undefined;
  /** How many of these came before the last change of the chunk size: the present chunks are counted from there. */
  readonly countedFrom: number;
}

/** Everything that a chunk engine knows, as plain data: another version of it can go on in the middle of a chunk. */
export interface ChunkEngineState {
  readonly handshake: { readonly phase: number; readonly received: Uint8Array };
  readonly parser: {
    readonly phase: number;
    /** Header bytes of the present chunk. */
    readonly header: Uint8Array;
    readonly basicHeaderBytes: number;
    readonly chunkStreamId: number | undefined;
  };
  readonly chunkSize: number;
  readonly chunkStreams: readonly ChunkStreamState[];
  readonly ackWindowBytes: number;
  readonly receivedBytes: number;
  readonly acknowledgedBytes: number;
  readonly maxMessageBytes: number;
}
