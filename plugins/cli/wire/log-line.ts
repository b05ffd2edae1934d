import { toJson } from './answer.ts';
import { printable } from './printable.ts';

/** Levels of log lines from the most talkative to the gravest. */
export const LEVELS = ['trace', 'debug', 'info', 'warn', 'error'] as const;

/** A level of a log line. */
export type Level = (typeof LEVELS)[number];

const SHOWN_FIRST = new Set(['level', 'time', 'msg', 'component', 'plugin']);

/** A line of the log, read from its JSON form. */
export interface LogLine {
  readonly level: Level;
  /** The plugin's generation or the part of the kernel that wrote it. */
  readonly source: string;
  readonly text: string;
}

/** Reads a JSON log line; text that is none is shown as it is, at level info. */
export function parseLogLine(line: string): LogLine {
  const record = parseRecord(line);
  if (record === undefined) return { level: 'info', source: '', text: printable(line) };
  const level = LEVELS.find((known) => known === record['level']) ?? 'info';
  const source = wordOf(record['component'] ?? record['plugin'] ?? '');
  const facts = Object.entries(record).filter(([name]) => !SHOWN_FIRST.has(name));
  const parts = [
    wordOf(record['time'] ?? '').slice(11, 23),
    level.toUpperCase().padEnd(5),
    `${source === '' ? '' : `${source}: `}${wordOf(record['msg'] ?? '')}`,
    ...facts.map(([name, value]) => `${printable(name)}=${wordOf(value)}`),
  ];
  return { level, source, text: parts.join(' ').trim() };
}

/** True when a line of that level is to be shown from `least` on. */
export function isAtLeast(level: Level, least: Level): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least);
}

function wordOf(value: unknown): string {
  return printable(typeof value === 'string' ? value : toJson(value));
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
