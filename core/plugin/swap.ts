import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import { PREPARE_TIMEOUT_MS } from './contract.ts';
import type { Generation } from './generation.ts';
import type { PluginSession } from './session.ts';

/** Sessions that are moved within one tick; between batches other work gets its turn. */
const SESSIONS_PER_TICK = 50;
/** How often the sessions that a draining generation still has are asked whether they can move now. */
const LATE_MOVE_MS = 500;

/** How a swap went. */
export interface SwapReport {
  /** Time of the synchronous block that switched listeners, routes and registrations, in milliseconds. */
  readonly switchMs: number;
  /** Sessions that the new version continues. */
  readonly moved: number;
  /** Sessions that end, or finish, with the previous version. */
  readonly draining: number;
}

/**
 * Lets a generation acquire what it needs.
 *
 * @throws WcsError PLUGIN_E_PREPARE when it fails or takes longer than `PREPARE_TIMEOUT_MS`; everything it had is released
 */
export async function prepareGeneration(generation: Generation): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const sentence = `prepare() took longer than ${PREPARE_TIMEOUT_MS / 1000} s`;
      reject(new WcsError('PLUGIN_E_PREPARE', sentence));
    }, PREPARE_TIMEOUT_MS);
  });
  try {
    await Promise.race([generation.prepare(), late]);
  } catch (error) {
    await discard(generation);
    if (error instanceof WcsError) throw error;
    throw new WcsError('PLUGIN_E_PREPARE', `Plugin ${generation.label} failed to prepare: ${messageOf(error)}`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Starts a prepared generation and withdraws the previous one in one synchronous block; a throw discards the new one and
 * leaves the previous one serving.
 *
 * @param onServing called within the block, once nothing can fail any more
 * @returns how long the block took, in milliseconds
 * @throws WcsError PLUGIN_E_FAULT
 */
export async function switchTo(next: Generation, previous: Generation | undefined, onServing: () => void): Promise<number> {
  const startedAt = performance.now();
  try {
    next.activate();
    onServing();
    previous?.withdraw();
  } catch (error) {
    next.state = 'preparing';
    await discard(next);
    throw new WcsError('PLUGIN_E_FAULT', `Plugin ${next.label} threw in activate(): ${messageOf(error)}`, { cause: error });
  }
  return performance.now() - startedAt;
}

/**
 * Moves the sessions of `previous` that `next` can continue, a batch a tick, each in one synchronous step.
 *
 * @param refused takes the sessions that failed to move, which aren't tried again
 * @returns how many moved
 */
export async function moveSessions(previous: Generation, next: Generation, log: Log, refused = new WeakSet<PluginSession>()): Promise<number> {
  if (previous.manifest.handoff === undefined || previous.manifest.handoff !== next.manifest.handoff) return 0;
  let moved = 0;
  for (const [index, session] of [...previous.sessions].entries()) {
    if (index > 0 && index % SESSIONS_PER_TICK === 0) await new Promise((resolve) => setImmediate(resolve));
    // Meanwhile the session may have ended, or the next version been taken down.
    if (session.closed || next.scope.closed || refused.has(session)) continue;
    try {
      const data = previous.run(() => previous.instance.exportSession?.(session));
      // What it flushed may have ended the session.
      if (data === undefined || wasClosed(session)) continue;
      const error = session.moveTo(next, (successor) => next.run(() => next.instance.importSession?.(successor, data)));
      if (error === undefined) {
        moved++;
        continue;
      }
      refused.add(session);
      log.warn(`Session ${session.id} stays with ${previous.label}: ${messageOf(error)}`);
    } catch (error) {
      refused.add(session);
      log.warn(`Session ${session.id} could not be exported by ${previous.label}: ${messageOf(error)}`);
    }
  }
  return moved;
}

/**
 * Moves the sessions that had no plain data at the switch, in the middle of a handshake for instance, as soon as they
 * have. Resolves when none is left. Never rejects.
 *
 * @param serving answers the generation that serves when it is asked
 * @param refused those that failed to move
 */
export async function moveLateSessions(previous: Generation, serving: () => Generation | undefined, log: Log, refused: WeakSet<PluginSession>): Promise<void> {
  while (previous.sessions.size > 0 && !previous.scope.closed) {
    await new Promise((resolve) => setTimeout(resolve, LATE_MOVE_MS).unref());
    const next = serving();
    if (next !== undefined) await moveSessions(previous, next, log, refused);
  }
}

/** Asked anew after code of the plugin has run. */
function wasClosed(session: PluginSession): boolean {
  return session.closed;
}

/** How long, and for what, a draining generation is waited for. */
export interface DrainLimits {
  readonly drainMs: number;
  /** False when nothing but a goodbye would end the sessions: then only the plugin's own `drain` is waited for. */
  readonly waitsForSessions: boolean;
}

/**
 * Waits for the generation's last session and its own `drain`, at most `drainMs` and until it is retired.
 *
 * @returns how many sessions are left to be ended. Never rejects: what `drain` throws is a fault of the generation
 */
export async function drainGeneration(generation: Generation, { drainMs, waitsForSessions }: DrainLimits): Promise<number> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), drainMs);
  // A function that is asynchronous in itself: a drain() that throws at once must not keep the rest from being released.
  const own = (async () => generation.run(() => generation.instance.drain?.(limit.signal)))();
  const expired = new Promise<void>((resolve) => limit.signal.addEventListener('abort', () => resolve(), { once: true }));
  const retired = (): void => limit.abort();
  generation.scope.signal.addEventListener('abort', retired, { once: true });
  if (generation.scope.closed) retired();
  try {
    await Promise.race([Promise.all([waitsForSessions ? generation.idle(limit.signal) : undefined, own]), expired]);
  } catch (error) {
    generation.fault(error);
  } finally {
    clearTimeout(timer);
  }
  return generation.sessions.size;
}

async function discard(generation: Generation): Promise<void> {
  try {
    await generation.retire('error');
  } catch (error) {
    // The failure that led here is the one to report; what a half-made version fails to release is only added to it.
    generation.fault(error);
  }
}
