import type { FanoutEngine } from '../../rtp/fanout/engine.ts';
import type { MediaClock, MediaTimers } from '../runtime.ts';

/** What RTP fan-outs are given from outside. */
export interface RtpFanoutRuntime {
  readonly clock: MediaClock;
  readonly timers: MediaTimers;
  /** Calls once when the events that are due now have been handled, as `setImmediate` does. */
  readonly defer: (fn: () => void) => void;
  /** Sends to the viewers of a track. */
  readonly engine: Pick<FanoutEngine, 'openGroup'>;
  /** Told of what a viewer's callback or the engine threw. */
  readonly onFault: (error: unknown, label: string) => void;
}
