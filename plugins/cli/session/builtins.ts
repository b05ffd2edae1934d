import { looseNumber, WcsError, type Metrics, type RootLog } from 'wcs-core';
import { z } from 'zod';
import { formatAnswer } from '../wire/answer.ts';
import { isAtLeast, LEVELS, parseLogLine } from '../wire/log-line.ts';
import { nearest } from '../wire/nearest.ts';
import { printable } from '../wire/printable.ts';
import { EXIT, type CommandIo } from './command-io.ts';
import type { Builtin } from './interpreter.ts';
import { UsageError } from './usage-error.ts';

/** What the peer may leave unread before lines of the log are skipped. */
const MAX_TAIL_BACKLOG_BYTES = 256 * 1024;

const tailInput = z.object({
  n: looseNumber().pipe(z.number().int().min(0).max(1000)).default(10).describe('Lines of the past to begin with'),
  level: z.enum(LEVELS).default('trace').describe('The least level to show'),
  component: z.string().optional().describe('Only lines of one plugin or part, e.g. rtmp'),
});

/** `log tail`: the log as it is written, until Ctrl-C. */
export function logTail(log: Pick<RootLog, 'tail' | 'recent'>): Builtin {
  return {
    phrase: 'log tail',
    summary: 'Show the log as it is written, until Ctrl-C',
    role: 'admin',
    input: tailInput,
    positional: ['component'],
    aliases: [],
    run: ({ input, json, io }) => follow(log, tailInput.parse(input), json, io),
  };
}

async function follow(log: Pick<RootLog, 'tail' | 'recent'>, wanted: z.output<typeof tailInput>, json: boolean, io: CommandIo): Promise<void> {
  let skipped = 0;
  const shown = (raw: string): string | undefined => {
    const line = parseLogLine(raw);
    const { component } = wanted;
    const matches = component === undefined || line.source === component || line.source.startsWith(`${component}@`);
    if (!matches || !isAtLeast(line.level, wanted.level)) return undefined;
    return json ? printable(raw) : line.text;
  };
  const past = log.recent(1000).flatMap((raw) => shown(raw) ?? []);
  for (const text of past.slice(past.length - Math.min(wanted.n, past.length))) io.out(`${text}\n`);
  const stop = log.tail((raw) => {
    const text = shown(raw);
    if (text === undefined) return;
    if (io.backlogBytes() > MAX_TAIL_BACKLOG_BYTES) {
      skipped++;
      return;
    }
    if (skipped > 0) io.err(`(${skipped} lines skipped: the terminal was too slow)\n`);
    skipped = 0;
    io.out(`${text}\n`);
  });
  await aborted(io.signal);
  stop();
}

const statInput = z.object({ group: z.string().optional().describe('Only this group, e.g. core_stats') });

/** `stat`: the metrics, by group. */
export function stat(metrics: Pick<Metrics, 'groups'>): Builtin {
  return {
    phrase: 'stat',
    summary: 'Show the statistics, all or of one group',
    role: 'viewer',
    input: statInput,
    positional: ['group'],
    aliases: [],
    run: ({ input, json, io }) => {
      const { group } = statInput.parse(input);
      const groups = metrics.groups();
      const shown = group === undefined ? groups : groups.filter((candidate) => candidate.group === group);
      if (group !== undefined && shown.length === 0) {
        const meant = nearest(group, groups.map((candidate) => candidate.group));
        throw new UsageError(`There is no group ${JSON.stringify(group.slice(0, 200))}. Groups: ${(meant.length > 0 ? meant : groups.map((one) => one.group)).join(', ')}.`);
      }
      const answer = shown.map(({ group: name, values }) => [name, Object.fromEntries(values.map((value) => [value.name, value.value]))] as const);
      io.out(formatAnswer(Object.fromEntries(answer), { json }));
    },
  };
}

/** Shortest period of `watch`. */
const MIN_WATCH_S = 0.5;
const MAX_WATCH_S = 3600;

/** `watch SECONDS COMMAND`: runs a command again and again. */
export function watch(): Builtin {
  return {
    phrase: 'watch',
    summary: 'Run a command every SECONDS until Ctrl-C: watch 2 plugin list',
    role: 'viewer',
    input: z.object({ words: z.array(z.string()).describe('Seconds, then the command') }),
    raw: true,
    aliases: [],
    run: async (call) => {
      const { input, io } = call;
      const { words } = z.object({ words: z.array(z.string()) }).parse(input);
      const seconds = Number(words[0]);
      if (!(seconds >= MIN_WATCH_S && seconds <= MAX_WATCH_S)) throw new UsageError(`watch takes ${MIN_WATCH_S} to ${MAX_WATCH_S} seconds, then a command.`);
      const command = words.slice(1);
      if (command.length === 0 || command[0] === 'watch') throw new UsageError('watch takes a command behind the seconds.');
      for (;;) {
        if (io.columns !== undefined) io.out('\u001B[H\u001B[2J');
        const { exitCode, leave } = await call.runWords(command);
        if (exitCode === EXIT.usage || exitCode === EXIT.refused || leave) throw new WcsError('OPERATION_E_INPUT', 'The watched command can not be run.');
        await io.sleep(seconds * 1000);
        if (io.signal.aborted) return;
        io.out('\n');
      }
    },
  };
}

/** Listed for help and completion; the interpreter knows them before it looks here. */
export function sessionCommands(): Builtin[] {
  const listed = (phrase: string, summary: string): Builtin => ({ phrase, summary, role: 'viewer', input: z.object({}), aliases: [], run: () => undefined });
  return [listed('exit', 'Leave'), { ...listed('help', 'List the commands, or explain one: help plugin reload'), raw: true }];
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
