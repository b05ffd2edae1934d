import { messageOf } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import type { Bundle } from './bundler.ts';
import { FAULT_LIMIT, FaultWindow, PROBATION_MS } from './faults.ts';
import type { Generation } from './generation.ts';
import type { Slot } from './slot.ts';

/** What the policy may do to a plugin; called while no other change of it runs. */
export interface FaultActions {
  readonly isStopping: () => boolean;
  /** Starts the plugin from its code as it is now. Rejects when it can't; that is logged already. */
  start(slot: Slot): Promise<unknown>;
  /** Swaps other code in. Rejects when it can't; that is logged already. */
  swapTo(slot: Slot, bundle: Bundle): Promise<unknown>;
  /** Ends a generation at once. Never rejects. */
  retire(slot: Slot, generation: Generation): Promise<void>;
}

/**
 * What happens to a plugin whose code keeps failing. New code gives way to the code before it; otherwise the plugin is
 * taken down and started again later, after longer and longer waits.
 */
export class FaultPolicy {
  readonly #actions: FaultActions;
  readonly #log: Log;
  /** Faults of generations that do not serve any more. */
  readonly #others = new WeakMap<Generation, FaultWindow>();
  /** Something is being done about these: their further faults say nothing new. */
  readonly #condemned = new WeakSet<Generation>();

  constructor(actions: FaultActions, log: Log) {
    this.#actions = actions;
    this.#log = log;
  }

  /** Takes note of a fault; one too many in a short time has consequences for the generation. */
  note(slot: Slot, generation: Generation, error: unknown): void {
    slot.faultsSeen++;
    if (this.#condemned.has(generation)) return;
    this.#log.error(`Fault of ${generation.label}: ${messageOf(error)}`, { err: error });
    const nowMs = Date.now();
    if (!this.#windowOf(slot, generation).add(nowMs)) return;
    this.#condemned.add(generation);
    if (this.#actions.isStopping()) return;
    if (slot.active !== generation) void this.#actions.retire(slot, generation);
    else {
      const fallback = fallbackOf(slot, generation, nowMs);
      void slot.exclusive(() => this.#giveUp(slot, generation, fallback, error));
    }
  }

  #windowOf(slot: Slot, generation: Generation): FaultWindow {
    if (slot.active === generation) return slot.faults;
    const known = this.#others.get(generation) ?? new FaultWindow();
    this.#others.set(generation, known);
    return known;
  }

  async #giveUp(slot: Slot, generation: Generation, fallback: Bundle | undefined, error: unknown): Promise<void> {
    // Replaced or switched off while this waited for its turn.
    if (slot.active !== generation || this.#actions.isStopping()) return;
    if (fallback !== undefined && (await this.#swapBack(slot, generation, fallback, error))) return;
    await this.#takeDown(slot, generation, error);
  }

  async #swapBack(slot: Slot, generation: Generation, fallback: Bundle, error: unknown): Promise<boolean> {
    this.#log.error(`${generation.label} has too many faults right after its swap; the code before it is swapped in`);
    try {
      await this.#actions.swapTo(slot, fallback);
    } catch {
      return false;
    }
    const sentence = `${generation.label} had ${FAULT_LIMIT} faults within ${PROBATION_MS / 1000} s of its swap; the code before it serves again. The last fault: ${messageOf(error)}`;
    slot.error = { code: 'PLUGIN_E_FAULT', message: sentence };
    return true;
  }

  async #takeDown(slot: Slot, generation: Generation, error: unknown): Promise<void> {
    const waitMs = slot.faults.nextRestartMs(Date.now() - generation.startedAtMs);
    slot.active = undefined;
    slot.state = 'failed';
    slot.error = { code: 'PLUGIN_E_FAULT', message: `Too many faults; the last: ${messageOf(error)}. Next start in ${waitMs / 1000} s.` };
    this.#log.error(`${generation.label} is taken down after too many faults`, { restartInMs: waitMs });
    await this.#actions.retire(slot, generation);
    this.#restartAfter(slot, waitMs);
  }

  #restartAfter(slot: Slot, waitMs: number): void {
    slot.cancelRestart();
    if (this.#actions.isStopping()) return;
    const timer = setTimeout(() => void slot.exclusive(() => this.#restart(slot)), waitMs);
    slot.cancelRestart = () => clearTimeout(timer);
  }

  async #restart(slot: Slot): Promise<void> {
    // Since the timer fired somebody may have started the plugin, or switched it off.
    if (slot.state !== 'failed' || this.#actions.isStopping()) return;
    try {
      await this.#actions.start(slot);
    } catch {
      this.#restartAfter(slot, slot.faults.nextRestartMs(0));
    }
  }
}

/** The code that served before, while the generation is on probation. */
function fallbackOf({ probation }: Slot, generation: Generation, nowMs: number): Bundle | undefined {
  return probation?.label === generation.label && nowMs - probation.sinceMs <= PROBATION_MS ? probation.before : undefined;
}
