import { messageOf } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import type { Scope } from '../scope/scope.ts';
import { runningGeneration } from './attribution.ts';
import type { PluginHost } from './host.ts';

/**
 * Keeps the process alive through errors that nobody caught: each is a fault of the generation whose code was running,
 * else an error of the kernel that is logged.
 */
export function superviseProcess(host: PluginHost, log: Log, scope: Scope): void {
  const onError = (error: unknown): void => {
    const generation = host.generation(runningGeneration());
    if (generation !== undefined) host.onFault(generation, error);
    else log.error(`Uncaught error: ${messageOf(error)}`, { err: error, from: runningGeneration() ?? 'kernel' });
  };
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  scope.add('process supervision', () => {
    process.off('uncaughtException', onError);
    process.off('unhandledRejection', onError);
  });
}
