import 'reflect-metadata';
import { container as rootContainer, type DependencyContainer, type InjectionToken } from 'tsyringe';
// tsyringe keeps every decorated class in this process-wide map; a retired plugin's classes must leave it or they live for ever.
import { typeInfo } from 'tsyringe/dist/cjs/dependency-container.js';

export { inject, injectable } from 'tsyringe';
export type { DependencyContainer, InjectionToken };

type Constructor = new (...parameters: never[]) => unknown;

const decorated: Map<Constructor, unknown> = typeInfo;

/** A fresh container for one kernel, so that two kernels in a process share nothing. */
export function createKernelContainer(): DependencyContainer {
  return rootContainer.createChildContainer();
}

/**
 * Runs `evaluate` and returns its result with the classes that were decorated meanwhile; when it throws, they are evicted.
 * Synchronous, so nothing else can be caught.
 */
export function trackDecorated<T>(evaluate: () => T): { readonly result: T; readonly classes: readonly Constructor[] } {
  const before = new Set(decorated.keys());
  const added = (): Constructor[] => [...decorated.keys()].filter((constructor) => !before.has(constructor));
  try {
    const result = evaluate();
    return { result, classes: added() };
  } catch (error) {
    evictClasses(added());
    throw error;
  }
}

/**
 * Registers classes in a child container by themselves. Needed before the first resolve: a question for an unknown
 * class climbs to the root container and is remembered there.
 */
export function registerClasses(container: DependencyContainer, classes: readonly Constructor[]): void {
  for (const constructor of classes) {
    container.register(constructor, { useClass: constructor });
  }
}

/** Forgets decorated classes, so that their code can be collected; they cannot be resolved any more. */
export function evictClasses(classes: readonly Constructor[]): void {
  for (const constructor of classes) decorated.delete(constructor);
}
