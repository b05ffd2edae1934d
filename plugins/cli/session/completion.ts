import type { AnyOperation } from 'wcs-core';
import { quoteWord, splitLine } from '../wire/command-line.ts';
import { fieldNamed } from './arguments.ts';
import type { Command, Commands } from './commands.ts';
import { inputShape, type Field, type InputShape } from './input-shape.ts';

/** Completions of a line, as readline takes them: full replacements for `typed`, the end of the line. */
export type Completion = readonly [candidates: string[], typed: string];

/** Values of a field that exist at present, e.g. names of plugins; given by the server side. */
export type LiveValues = (command: Command, field: Field) => Promise<readonly string[]>;

/** Candidates that are shown at most. */
const MAX_CANDIDATES = 200;

/** Completes command words, field names and field values at the end of a line. Never throws. */
export async function complete(line: string, commands: Commands, liveValues: LiveValues): Promise<Completion> {
  try {
    const { words, inWord, lastStart } = splitLine(line);
    const before = inWord ? words.slice(0, -1) : words;
    const typedWord = inWord ? (words.at(-1) ?? '') : '';
    const typed = line.slice(lastStart);
    const found = await candidates(before, typedWord, commands, liveValues);
    const fitting = [...new Set(found)].filter((candidate) => candidate.startsWith(typedWord)).sort();
    return [fitting.slice(0, MAX_CANDIDATES).map((candidate) => (candidate.endsWith('=') ? candidate : `${quoteWord(candidate)} `)), typed];
  } catch {
    return [[], line];
  }
}

/** The operation of the same group that lists what exists: `plugin.list` for `plugin.reload`. */
export function listingOf(operation: string, all: readonly AnyOperation[]): AnyOperation | undefined {
  const group = operation.split('.').slice(0, -1).join('.');
  for (const verb of ['list', 'find_all', 'find']) {
    const listing = all.find(({ name }) => name === `${group}.${verb}`);
    if (listing !== undefined && inputShape(listing.input).fields.every((field) => !field.required)) return listing;
  }
  return undefined;
}

async function candidates(before: readonly string[], typed: string, commands: Commands, liveValues: LiveValues): Promise<readonly string[]> {
  const words = before[0] === 'help' ? before.slice(1) : before;
  const next = nextWords(words, commands);
  const match = commands.match(words);
  if (match === undefined || words !== before) return next;
  const { command } = match;
  const shape = inputShape(command.input);
  const rest = words.slice(match.length);
  const equals = typed.indexOf('=');
  if (equals > 0) {
    const prefix = typed.slice(0, equals + 1);
    const values = await valuesOf(command, fieldNamed(shape, prefix.replace(/^--|=$/g, '')), liveValues);
    return values.map((value) => prefix + value);
  }
  const last = rest.at(-1) ?? '';
  const wanted = last.startsWith('--') ? fieldNamed(shape, last.slice(2)) : undefined;
  if (wanted !== undefined && wanted.kind !== 'boolean') return valuesOf(command, wanted, liveValues);
  const options = [...shape.fields.map((field) => `--${field.name}`), '--json', '--help'].filter((option) => !rest.includes(option));
  if (typed.startsWith('-')) return options;
  const position = nextPositional(command, shape, rest);
  const values = await valuesOf(command, position, liveValues);
  return [...next, ...values, ...shape.fields.map((field) => `${field.name}=`).filter((name) => !rest.some((word) => word.startsWith(name)))];
}

/** Words that may follow on the way to a command. */
function nextWords(words: readonly string[], commands: Commands): string[] {
  const phrases = commands.phrases().map((phrase) => phrase.split(' '));
  return phrases.filter((phrase) => phrase.length > words.length && words.every((word, index) => phrase[index] === word)).map((phrase) => phrase[words.length] ?? '');
}

function nextPositional(command: Command, shape: InputShape, rest: readonly string[]): Field | undefined {
  const order = command.positional ?? shape.fields.filter((field) => field.required).map((field) => field.name);
  const plain = rest.filter((word, index) => !word.includes('=') && !word.startsWith('-') && !(rest[index - 1]?.startsWith('--') ?? false));
  return shape.fields.find((field) => field.name === order[plain.length]);
}

async function valuesOf(command: Command, field: Field | undefined, liveValues: LiveValues): Promise<readonly string[]> {
  if (field === undefined || field.secret) return [];
  return field.choices.length > 0 ? field.choices : liveValues(command, field);
}
