/** One file that a stream is recorded in. */
export interface RecordingFacts {
  /** Name of the stream; of several streams in one file, the recording's own. */
  readonly streamName: string;
  /** Media session of the stream; empty for several streams in one file. */
  readonly mediaSessionId: string;
  /** Session of the publisher. */
  readonly sessionId: string;
  /** Path below the folder of recordings: while it is written the name it is going to have, with `{endTime}` and the like in it. */
  readonly file: string;
}

/** How a recording came out. */
export interface RecordingEnd {
  readonly durationMs: number;
  readonly bytes: number;
  /** Why it ended before its stream did; what was written until then is in the file. */
  readonly error?: string | undefined;
}
