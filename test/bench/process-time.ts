import { readFileSync } from 'node:fs';

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

/** Resident memory of processes, in bytes. @see proc(5) */
export function residentBytesOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024, 0);
}

/** The middle one, or the one at another share of the way. */
export function percentile(values: readonly number[], share = 0.5): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
