import { messageOf, WcsError, type AnyOperation, type Caller, type Role } from 'wcs-core';
import { formatAnswer } from '../wire/answer.ts';
import { parseCommandLine } from '../wire/command-line.ts';
import { printable } from '../wire/printable.ts';
import { parseArguments, type Arguments } from './arguments.ts';
import { Commands, commandOf, type Command } from './commands.ts';
import { EXIT, type CommandIo, type ExitCode, type Operator, type Outcome } from './command-io.ts';
import { helpOn, helpOnAll, helpOnGroup, usageOf } from './help.ts';
import { inputShape, type Field } from './input-shape.ts';
import { UsageError } from './usage-error.ts';

/** A command of the command line itself, beside the operations. */
export interface Builtin extends Command {
  /** Takes the words as they are; by default they are sorted into `input`. */
  readonly raw?: boolean;
  run(call: BuiltinCall): Promise<void> | void;
}

/** What a built-in command gets. */
export interface BuiltinCall {
  /** As the command's schema made it; for a raw command `{ words }`. */
  readonly input: unknown;
  readonly json: boolean;
  readonly io: CommandIo;
  /** Runs other words as a command. */
  runWords(words: readonly string[]): Promise<Outcome>;
}

/** What the interpreter runs on. */
export interface Backend {
  operations(): readonly AnyOperation[];
  call(name: string, input: unknown, call: { readonly caller: Caller; readonly signal: AbortSignal }): Promise<unknown>;
  /** Told of failures that are ours, for the log. */
  onFault(command: string, error: unknown): void;
}

/** Turns lines into calls of operations and their answers into text. Knows no SSH and no terminal. */
export class Interpreter {
  readonly #backend: Backend;
  readonly #builtins: readonly Builtin[];
  readonly #operator: Operator;

  constructor(backend: Backend, builtins: readonly Builtin[], operator: Operator) {
    this.#backend = backend;
    this.#builtins = builtins;
    this.#operator = operator;
  }

  /** What this operator may call at present. */
  commands(): Commands<Command | Builtin> {
    const role = this.#operator.role();
    return new Commands(this.#all().filter((command) => command.role === 'viewer' || role === 'admin'));
  }

  /** Runs one line; never throws. Blank lines and lines that begin with `#` do nothing. */
  async run(line: string, io: CommandIo): Promise<Outcome> {
    try {
      if (/^\s*(?:#|$)/.test(line)) return stay(EXIT.ok);
      return await this.#runWords(parseCommandLine(line), io);
    } catch (error) {
      return stay(this.#report(error, line.trim().split(/\s/, 1)[0] ?? '', io));
    }
  }

  /** True for a line that holds a secret and must not be kept. */
  holdsSecret(line: string): boolean {
    try {
      const words = parseCommandLine(line);
      const match = new Commands(this.#all()).match(words);
      if (match === undefined) return SECRET_WORD.test(line);
      const shape = inputShape(match.command.input);
      const { input } = parseArguments(words.slice(match.length), shape, match.command.positional);
      const secret = shape.fields.some((field) => field.secret && field.name in input);
      return secret || (shape.open && SECRET_WORD.test(line));
    } catch {
      return SECRET_WORD.test(line);
    }
  }

  #all(): (Command | Builtin)[] {
    return [...this.#builtins, ...this.#backend.operations().map(commandOf)];
  }

  async #runWords(words: readonly string[], io: CommandIo): Promise<Outcome> {
    const role = this.#operator.role();
    if (role === undefined) {
      io.err('error: ACCESS_E_REFUSED: This user is no longer known here.\n');
      return { exitCode: EXIT.refused, leave: true };
    }
    if (words.length === 1 && /^(?:exit|quit)$/.test(words[0] ?? '')) return { exitCode: EXIT.ok, leave: true };
    if (words[0] === 'help') return stay(this.#help(words.slice(1), io));
    // All commands, not only those allowed: what is refused is to be told apart from what does not exist.
    const match = new Commands(this.#all()).match(words);
    if (match === undefined) return stay(this.#help(words, io, EXIT.usage));
    const { command } = match;
    try {
      return await this.#runCommand(command, words.slice(match.length), role, io);
    } catch (error) {
      const exitCode = this.#report(error, command.phrase, io);
      if (exitCode === EXIT.usage) io.err(`usage: ${usageOf(command)}\n`);
      return stay(exitCode);
    }
  }

  async #runCommand(command: Command | Builtin, words: readonly string[], role: Role, io: CommandIo): Promise<Outcome> {
    const builtin = 'run' in command ? command : undefined;
    if (builtin !== undefined && command.role === 'admin' && role !== 'admin') {
      throw new WcsError('ACCESS_E_REFUSED', `${command.phrase} needs the role admin; ${this.#operator.name} has the role ${role}.`);
    }
    const runWords = (inner: readonly string[]): Promise<Outcome> => this.#runWords(inner, io);
    if (builtin?.raw === true) {
      await builtin.run({ input: { words }, json: false, io, runWords });
      return stay(io.signal.aborted ? EXIT.cancelled : EXIT.ok);
    }
    const shape = inputShape(command.input);
    const parsed = parseArguments(words, shape, command.positional);
    if (parsed.help) return stay(this.#help(command.phrase.split(' '), io));
    const input = await withSecrets(parsed, shape.fields, command, io);
    if (builtin === undefined) {
      const caller: Caller = { kind: 'cli', user: this.#operator.name, role, address: this.#operator.address };
      const answer = await untilAborted(this.#backend.call(command.operation ?? '', input, { caller, signal: io.signal }), io.signal);
      io.out(formatAnswer(answer, { json: parsed.json, columns: io.columns }));
      return stay(EXIT.ok);
    }
    const checked = command.input.safeParse(input);
    if (!checked.success) throw new UsageError(checked.error.issues.map((issue) => `${issue.path.map(String).join('.')}: ${issue.message}`).join('; '));
    await builtin.run({ input: checked.data, json: parsed.json, io, runWords });
    return stay(io.signal.aborted ? EXIT.cancelled : EXIT.ok);
  }

  #help(words: readonly string[], io: CommandIo, otherwise: ExitCode = EXIT.ok): ExitCode {
    const commands = this.commands();
    if (words.length === 0) {
      io.out(helpOnAll(commands.list));
      return EXIT.ok;
    }
    const match = commands.match(words);
    if (match?.length === words.length) {
      io.out(helpOn(match.command, commands));
      return EXIT.ok;
    }
    const below = commands.below(words);
    if (below.length > 0) {
      if (otherwise === EXIT.ok) io.out(helpOnGroup(below));
      else io.err(`error: ${printable(words.join(' '))} needs one more word:\n${helpOnGroup(below)}`);
      return otherwise;
    }
    const meant = commands.suggestions(words);
    const hint = meant.length === 0 ? 'Type help for a list.' : `Did you mean ${meant.join(', or ')}?`;
    io.err(`error: There is no command ${JSON.stringify(printable(words.slice(0, 3).join(' ').slice(0, 200)))}. ${hint}\n`);
    return EXIT.usage;
  }

  #report(error: unknown, command: string, io: CommandIo): ExitCode {
    if (io.signal.aborted) return EXIT.cancelled;
    if (error instanceof UsageError) {
      io.err(`error: ${printable(error.message)}\n`);
      return EXIT.usage;
    }
    if (!(error instanceof WcsError)) {
      this.#backend.onFault(command, error);
      io.err(`error: INTERNAL_E_FAULT: ${printable(messageOf(error))}\n`);
      return EXIT.failed;
    }
    io.err(`error: ${error.code}: ${printable(error.message)}\n`);
    if (error.code === 'OPERATION_E_INPUT' || error.code === 'PROTOCOL_E_MALFORMED') return EXIT.usage;
    return error.kind === 'refused' || error.kind === 'unauthenticated' ? EXIT.refused : EXIT.failed;
  }
}

const SECRET_WORD = /pass|secret|token|credential/i;

function stay(exitCode: ExitCode): Outcome {
  return { exitCode, leave: false };
}

/** Asks for the secrets that are needed and were not given, so that they need not stand on a line. */
async function withSecrets(given: Arguments, fields: readonly Field[], command: Command, io: CommandIo): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = { ...given.input };
  const missing = fields.filter((field) => field.secret && field.required && !(field.name in input));
  const others = fields.filter((field) => field.required && !field.secret && !(field.name in input));
  if (others.length > 0 && missing.length > 0) throw new UsageError(`${command.phrase} needs ${others.map(({ name }) => name).join(', ')}.`);
  for (const field of missing) {
    const secret = await io.askSecret(`${field.name}: `);
    if (secret === undefined) throw new UsageError(`${command.phrase} needs ${field.name}.`);
    input[field.name] = secret;
  }
  return input;
}

/** An operation that ignores its signal must not keep the prompt away: the answer that comes later is dropped. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new Error('Cancelled.'));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
