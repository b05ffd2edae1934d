/** Calls a function in the context of a plugin generation, so that faults and async work are attributed to it. */
export type Run = <T>(fn: () => T) => T;

/** Reports an error that a plugin's callback threw. */
export type OnFault = (error: unknown) => void;

/** Whose code a callback is. */
export interface Owner {
  readonly run: Run;
  readonly onFault: OnFault;
}

/** The wrapper for owners that bring none. */
export const runDirectly: Run = (fn) => fn();

/** Calls into an owner's code; what it throws is reported to the owner and answered with false, never passed on. */
export function callOwner(owner: Owner, call: () => void): boolean {
  try {
    owner.run(call);
    return true;
  } catch (error) {
    owner.onFault(error);
    return false;
  }
}
