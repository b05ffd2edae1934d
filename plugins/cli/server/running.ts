import type { ScopedTimers } from 'wcs-core';
import type { CommandIo } from '../session/command-io.ts';
import type { ChannelOutput } from './channel-output.ts';

/** What a peer may leave unread before its next command waits. */
const MAX_BACKLOG_BYTES = 1024 * 1024;
const BACKLOG_POLL_MS = 50;

/** Resolves after the time, or at once when `signal` aborts. */
export function sleep(timers: ScopedTimers, delayMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const cancel = timers.after(delayMs, () => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    });
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** Resolves when the peer has taken most of what it was sent: one that asks and never reads must not fill the memory. */
export async function settled(output: ChannelOutput, timers: ScopedTimers, signal: AbortSignal): Promise<void> {
  while (output.backlogBytes > MAX_BACKLOG_BYTES && !signal.aborted) await sleep(timers, BACKLOG_POLL_MS, signal);
}

/** The surroundings of one command. */
export function commandIo(output: ChannelOutput, timers: ScopedTimers, parts: Pick<CommandIo, 'signal' | 'columns' | 'askSecret'>): CommandIo {
  return {
    ...parts,
    out: (text) => output.out(text),
    err: (text) => output.err(text),
    backlogBytes: () => output.backlogBytes,
    sleep: async (delayMs) => {
      await sleep(timers, delayMs, parts.signal);
      await settled(output, timers, parts.signal);
    },
  };
}
