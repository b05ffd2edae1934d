import type { ServerChannel } from 'ssh2';
import { messageOf, type ScopedTimers } from 'wcs-core';
import { EXIT, type ExitCode } from '../session/command-io.ts';
import type { Interpreter } from '../session/interpreter.ts';
import { MAX_LINE_LENGTH } from '../wire/command-line.ts';
import type { ChannelOutput } from './channel-output.ts';
import { LineReader } from './line-reader.ts';
import { commandIo, settled } from './running.ts';

/** What a script runs on. */
export interface ScriptParts {
  readonly channel: ServerChannel;
  readonly output: ChannelOutput;
  readonly interpreter: Interpreter;
  readonly timers: ScopedTimers;
  /** Aborted when the peer has gone or asked to stop. */
  readonly signal: AbortSignal;
  /** Width of the terminal, where there is one. */
  readonly columns: number | undefined;
}

/**
 * Runs lines without a line editor: those of `ssh HOST COMMAND`, or else those that come on the channel. A secret that a
 * command asks for is the next line of the channel. Goes on after a failure; the exit code is that of the first one.
 */
export async function runScript(parts: ScriptParts, command?: string): Promise<ExitCode> {
  const { output, timers, signal } = parts;
  const input = new LineReader(parts.channel, MAX_LINE_LENGTH);
  const given = command?.split('\n').values();
  const nextLine = async (): Promise<string | undefined> => (given === undefined ? input.next(signal) : given.next().value);
  const io = commandIo(output, timers, { signal, columns: parts.columns, askSecret: () => input.next(signal) });
  let result: ExitCode = EXIT.ok;
  try {
    for (let line = await nextLine(); line !== undefined && !signal.aborted; line = await nextLine()) {
      const { exitCode, leave } = await parts.interpreter.run(line, io);
      if (result === EXIT.ok) result = exitCode;
      if (leave) break;
      await settled(output, timers, signal);
    }
  } catch (error) {
    output.err(`error: ${messageOf(error)}\n`);
    return EXIT.usage;
  }
  return signal.aborted ? EXIT.cancelled : result;
}
