import type { ExecutionContext } from 'ava';
import { Certificates } from '../../core/net/certificates.ts';
import { Listeners } from '../../core/net/listeners.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A log that keeps its sentences. */
export function keptLog(): { lines: string[]; info(message: string): void; warn(message: string): void } {
  const lines: string[] = [];
  return { lines, info: (message) => void lines.push(message), warn: (message) => void lines.push(message) };
}

/** Listeners, with a self-signed certificate if asked, closed when the test ends. */
export async function openListeners(t: ExecutionContext, options: { tls?: boolean; lingerMs?: number } = {}): Promise<Listeners> {
  const log = keptLog();
  const certificates = options.tls === true ? await Certificates.open({ dir: temporaryFolder(t), log }) : undefined;
  const listeners = new Listeners({ log, ...(certificates && { certificates }), lingerMs: options.lingerMs ?? 20 });
  t.teardown(() => listeners.closeAll());
  return listeners;
}

/** For callbacks that must not fail. */
export function noFault(t: ExecutionContext): (error: unknown) => void {
  return (error) => void t.fail(String(error));
}
