/** RTP packets of one time of a track, as a viewer got them. */
export interface Burst {
  /** From the start of the measurement, milliseconds. */
  readonly atMs: number;
  readonly track: number;
  readonly packets: readonly Uint8Array[];
}

/** What the viewers are told to do. */
export type ViewersCommand =
  /** Plays a stream of two tracks over UDP; the answer, `number[][]`, are the RTP ports of all viewers by track. */
  | { readonly type: 'play'; readonly port: number; readonly stream: string; readonly viewers: number; readonly paceMs: number }
  /** Counts what comes, over RTSP or not; the answer is a `ViewersReport`. */
  | { readonly type: 'measure'; readonly durationMs: number };

/** What all viewers got within the measured time. */
export interface ViewersReport {
  readonly seconds: number;
  readonly packets: number;
  readonly bytes: number;
  /** Sequence numbers that never came. */
  readonly lost: number;
  readonly leastPackets: number;
  /** Viewers whose connection was closed. */
  readonly closed: number;
  /** What the first viewer got. */
  readonly bursts: readonly Burst[];
}

/** Sends bursts at their times to every port of their tracks, by the fan-out engine alone; the answer is an `EngineReport`. */
export interface EngineCommand {
  readonly ports: readonly (readonly number[])[];
  readonly bursts: readonly Burst[];
  /** How much of the bursts is sent once before that, unmeasured, milliseconds. */
  readonly warmUpMs: number;
}

export interface EngineReport {
  readonly packets: number;
  /** Of the calls that send, nothing else. */
  readonly cpuMs: number;
}
