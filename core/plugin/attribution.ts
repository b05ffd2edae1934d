import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * Says which generation's code is running, also in callbacks and promises that it left behind. The store is the label
 * (`rtmp@7`) and not the generation itself: whatever captures an asynchronous context would otherwise keep old code alive.
 */
const running = new AsyncLocalStorage<string | undefined>();

/** Runs `work` as code of the generation with this label. */
export function runAs<T>(label: string, work: () => T): T {
  // Plugins call each other's code per frame: staying in one's own context costs next to nothing.
  return running.getStore() === label ? work() : running.run(label, work);
}

/** Runs `work` as the kernel's own, also when a plugin's code asked for it: what goes wrong later is not the plugin's fault. */
export function runAsKernel<T>(work: () => T): T {
  return running.run(undefined, work);
}

/** Label of the generation whose code is running; undefined in the kernel's own code. */
export function runningGeneration(): string | undefined {
  return running.getStore();
}
