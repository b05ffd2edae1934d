import { formatTable } from '../wire/answer.ts';
import { printable } from '../wire/printable.ts';
import type { Command, Commands } from './commands.ts';
import { inputShape, type Field } from './input-shape.ts';

/** All commands, one a line. */
export function helpOnAll(commands: readonly Command[]): string {
  const lines = formatTable(commands.map(({ phrase, summary }) => ({ Command: phrase, Does: summary })));
  return [
    ...lines,
    '',
    'help COMMAND explains one. Fields are given as name=value, --name value, or as plain words in the order shown.',
    '--json shows any answer as JSON. Ctrl-C stops a command, Ctrl-D or exit leaves.',
    '',
  ].join('\n');
}

/** The commands of a group, e.g. `plugin`. */
export function helpOnGroup(commands: readonly Command[]): string {
  return [...formatTable(commands.map(({ phrase, summary }) => ({ Command: phrase, Does: summary }))), ''].join('\n');
}

/** One command with its fields, types and defaults. */
export function helpOn(command: Command, all: Commands): string {
  const shape = inputShape(command.input);
  const lines = [`${command.phrase}: ${printable(command.summary)}`, '', `Usage: ${usageOf(command)}`];
  if (command.aliases.length > 0) lines.push(`Also: ${command.aliases.join(', ')}`);
  if (command.role === 'admin') lines.push('Needs the role admin.');
  if (shape.fields.length > 0) lines.push('', ...formatTable(shape.fields.map(fieldRow)));
  if (shape.open) lines.push('', 'Further fields are taken as name=value.');
  const below = all.below(command.phrase.split(' ')).filter((other) => other !== command);
  if (below.length > 0) lines.push('', ...formatTable(below.map(({ phrase, summary }) => ({ Command: phrase, Does: summary }))));
  return [...lines, ''].join('\n');
}

/** `plugin disable NAME [--cascade]`. */
export function usageOf(command: Command): string {
  const { fields } = inputShape(command.input);
  const order = command.positional ?? fields.filter((field) => field.required).map((field) => field.name);
  const words = order.flatMap((name) => {
    const field = fields.find((candidate) => candidate.name === name);
    if (field === undefined) return [];
    const shown = field.kind === 'array' ? `${name.toUpperCase()}...` : name.toUpperCase();
    return [field.required && !field.secret ? shown : `[${shown}]`];
  });
  const rest = fields.filter((field) => !order.includes(field.name)).map(optionText);
  return [command.phrase, ...words, ...rest].join(' ');
}

function optionText(field: Field): string {
  const text = field.kind === 'boolean' ? `--${field.name}` : `--${field.name} ${field.kind.toUpperCase()}`;
  return field.required ? text : `[${text}]`;
}

function fieldRow(field: Field): Record<string, string> {
  const rule = field.required ? 'required' : field.defaultText === undefined ? 'optional' : `default ${field.defaultText}`;
  return { Field: field.name, Type: field.typeText, Default: rule, Meaning: field.description };
}
