/** How exact timers are; a repetition of a SIP message may be late by this. */
export const WHEEL_TICK_MS = 20;
const SLOTS = 1024;

/** A timer that waits in a wheel. */
export interface WheelTimer {
  readonly atMs: number;
  readonly slot: number;
  readonly fire: () => void;
}

/** Starts a periodic call and returns what stops it. */
export type StartTicks = (periodMs: number, tick: () => void) => () => void;

/** All timers of the engine on one ticking clock that stands still while there are none. */
export class TimerWheel {
  readonly #slots: Set<WheelTimer>[] = Array.from({ length: SLOTS }, () => new Set<WheelTimer>());
  readonly #nowMs: () => number;
  readonly #startTicks: StartTicks;
  #stopTicks: (() => void) | undefined;
  /** Ticks that have been worked off. */
  #doneTick = 0;
  #size = 0;

  /** @param nowMs monotonic milliseconds */
  constructor(nowMs: () => number, startTicks: StartTicks) {
    this.#nowMs = nowMs;
    this.#startTicks = startTicks;
  }

  /** Timers that wait. */
  get size(): number {
    return this.#size;
  }

  nowMs(): number {
    return this.#nowMs();
  }

  after(delayMs: number, fire: () => void): WheelTimer {
    if (this.#size++ === 0) this.#start();
    const atMs = this.#nowMs() + delayMs;
    // Never in a slot that has been worked off already.
    const tick = Math.max(Math.ceil(atMs / WHEEL_TICK_MS), this.#doneTick + 1);
    const timer = { atMs, slot: tick % SLOTS, fire };
    this.#slots[timer.slot]?.add(timer);
    return timer;
  }

  /** Stops a timer; harmless when it has fired. */
  cancel(timer: WheelTimer): void {
    if (this.#slots[timer.slot]?.delete(timer) === true && --this.#size === 0) this.#stop();
  }

  /** Fires what is due. */
  readonly tick = (): void => {
    const nowMs = this.#nowMs();
    const nowTick = Math.floor(nowMs / WHEEL_TICK_MS);
    // After a pause of more than a round every slot is looked at once.
    for (let tick = Math.max(this.#doneTick + 1, nowTick - SLOTS + 1); tick <= nowTick; tick++) this.#workOff(tick % SLOTS, nowMs);
    this.#doneTick = nowTick;
  };

  #workOff(slot: number, nowMs: number): void {
    const timers = this.#slots[slot];
    if (timers === undefined || timers.size === 0) return;
    for (const timer of [...timers]) {
      if (timer.atMs > nowMs || !timers.has(timer)) continue;
      this.cancel(timer);
      timer.fire();
    }
  }

  #start(): void {
    this.#doneTick = Math.floor(this.#nowMs() / WHEEL_TICK_MS);
    this.#stopTicks = this.#startTicks(WHEEL_TICK_MS, this.tick);
  }

  #stop(): void {
    this.#stopTicks?.();
    this.#stopTicks = undefined;
  }
}
