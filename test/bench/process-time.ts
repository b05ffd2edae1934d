import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Ticks a second of the times under /proc. @see proc(5), sysconf(_SC_CLK_TCK) */
const TICKS_PER_SECOND = 100;

/** User and system time of processes so far, in milliseconds. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const afterName = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1] ?? '';
    // Fields 14 and 15 of the line, of which two come before the name ends.
    const fields = afterName.split(' ');
    return sum + ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
  }, 0);
}

/** Neighbours of a virtual machine are busy for a few of these at a time. */
const WINDOW_MS = 2000;

/** What a program takes of a core, window by window: the middle one stands for a measured time in which others are busy now and then. */
export interface CpuShares {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Watches what processes take of a core for that long; at least one window. */
export async function cpuSharesOf(pids: readonly number[], durationMs: number): Promise<CpuShares> {
  const shares: number[] = [];
  const windows = Math.max(1, Math.floor(durationMs / WINDOW_MS));
  while (shares.length < windows) {
    const [fromMs, cpuMs] = [performance.now(), cpuMsOf(pids)];
    await sleep(durationMs / windows);
    shares.push((cpuMsOf(pids) - cpuMs) / (performance.now() - fromMs));
  }
  return { median: percentile(shares), least: Math.min(...shares), most: Math.max(...shares) };
}

/** Resident memory of processes, in bytes. @see proc(5) */
export function residentBytesOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024, 0);
}

/** The middle one, or the one at another share of the way. */
export function percentile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
