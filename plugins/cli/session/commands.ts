import type { AnyOperation, Role } from 'wcs-core';
import { nearest } from '../wire/nearest.ts';

/** Something that can be called by its words: an operation, or a command of the command line itself. */
export interface Command {
  /** `stream find_all`. */
  readonly phrase: string;
  readonly summary: string;
  readonly role: Role;
  readonly input: AnyOperation['input'];
  readonly positional?: readonly string[] | undefined;
  /** Name of the operation behind it; undefined for a command of the command line itself. */
  readonly operation?: string | undefined;
  /** Other phrases that lead here. */
  readonly aliases: readonly string[];
}

/** A command found at the beginning of a line. */
export interface Match<T extends Command> {
  readonly command: T;
  /** Words that name it. */
  readonly length: number;
}

/** The words of an operation name: `stream.find_all` is `stream find_all`. */
export function phraseOf(operationName: string): string {
  return operationName.split('.').join(' ');
}

/** The command behind an operation. */
export function commandOf(operation: AnyOperation): Command {
  return {
    phrase: phraseOf(operation.name),
    summary: operation.summary,
    role: operation.role,
    input: operation.input,
    positional: operation.cli?.positional,
    operation: operation.name,
    aliases: (operation.aliases ?? []).map(phraseOf),
  };
}

/** Commands by their phrases; case, `-` and `_` don't matter. */
export class Commands<T extends Command = Command> {
  readonly list: readonly T[];
  readonly #byPhrase = new Map<string, T>();
  #longest = 0;

  /** @param list commands; an earlier one wins where two have the same phrase */
  constructor(list: readonly T[]) {
    this.list = list;
    for (const command of list) this.#add(command.phrase, command);
    for (const command of list) for (const alias of command.aliases) this.#add(alias, command);
  }

  /** The command with the longest phrase that the words begin with; `stream.find` is taken for `stream find`. */
  match(words: readonly string[]): Match<T> | undefined {
    for (let length = Math.min(words.length, this.#longest); length > 0; length--) {
      const command = this.#byPhrase.get(normalised(words.slice(0, length).join(' ')));
      if (command !== undefined) return { command, length };
    }
    const dotted = words[0]?.includes('.') === true ? this.#byPhrase.get(normalised(phraseOf(words[0]))) : undefined;
    return dotted === undefined ? undefined : { command: dotted, length: 1 };
  }

  /** Commands whose phrase begins with these words. */
  below(words: readonly string[]): T[] {
    const prefix = normalised(words.join(' '));
    return this.list.filter((command) => prefix === '' || `${normalised(command.phrase)} `.startsWith(`${prefix} `));
  }

  /** Every phrase, aliases included. */
  phrases(): string[] {
    return this.list.flatMap((command) => [command.phrase, ...command.aliases]);
  }

  /** Phrases that the words may have been meant for. */
  suggestions(words: readonly string[]): string[] {
    const typed = words.slice(0, this.#longest);
    for (let length = typed.length; length > 0; length--) {
      const found = nearest(typed.slice(0, length).join(' '), this.phrases());
      if (found.length > 0) return found;
    }
    return [];
  }

  #add(phrase: string, command: T): void {
    const key = normalised(phrase);
    if (this.#byPhrase.has(key)) return;
    this.#byPhrase.set(key, command);
    this.#longest = Math.max(this.#longest, phrase.split(' ').length);
  }
}

function normalised(phrase: string): string {
  return phrase.toLowerCase().replaceAll('_', '-');
}
