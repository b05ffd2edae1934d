/** The timers that all others are made of. @see RFC 3261 section 17.1.1.1 and table 4 */
export interface Timing {
  /** Estimate of the round trip. */
  readonly t1Ms: number;
  /** Longest wait between repetitions. */
  readonly t2Ms: number;
  /** Longest life of a message in the network. */
  readonly t4Ms: number;
}

export const DEFAULT_TIMING: Timing = { t1Ms: 500, t2Ms: 4000, t4Ms: 5000 };

/** How many T1 a transaction waits for its answer: timers B, F, H, J, L and M. */
const GIVE_UP_T1 = 64;
/** Timer D: how long repeated refusals of an INVITE are acknowledged over UDP. @see RFC 3261 section 17.1.1.2 */
const TIMER_D_MIN_MS = 32_000;

export function giveUpMs({ t1Ms }: Timing): number {
  return GIVE_UP_T1 * t1Ms;
}

export function timerDMs(timing: Timing): number {
  return timing.t1Ms < DEFAULT_TIMING.t1Ms ? giveUpMs(timing) : TIMER_D_MIN_MS;
}
