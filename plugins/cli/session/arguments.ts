import { nearest } from '../wire/nearest.ts';
import type { Field, FieldKind, InputShape } from './input-shape.ts';
import { UsageError } from './usage-error.ts';

/** The words behind a command, sorted into input fields and what concerns the command line itself. */
export interface Arguments {
  readonly input: Readonly<Record<string, unknown>>;
  /** `--json`: show the answer as JSON. */
  readonly json: boolean;
  /** `--help`: explain instead of calling. */
  readonly help: boolean;
}

/**
 * Sorts words into fields: `name=value`, `--name value`, `--name=value`, `--flag`, `--no-flag`, `-n value` (the one field
 * that begins with n), `a.b=value` for nested fields, and plain words for the positional fields in their order. Behind
 * `--` all words are plain. Values are converted to the field's kind where their text allows it; the schema judges the rest.
 *
 * @throws UsageError naming the word that fits nowhere
 */
export function parseArguments(words: readonly string[], shape: InputShape, positional?: readonly string[]): Arguments {
  const sorter = new Sorter(shape, positional ?? shape.fields.filter((field) => field.required).map((field) => field.name));
  for (let index = 0; index < words.length; index++) index += sorter.take(words[index] ?? '', words[index + 1]);
  return sorter.finish();
}

/** The field meant by a name as typed: exact, else with dashes, underscores and case aside. */
export function fieldNamed(shape: InputShape, typed: string): Field | undefined {
  const plain = (name: string): string => name.replace(/[-_]/g, '').toLowerCase();
  return shape.fields.find((field) => field.name === typed) ?? shape.fields.find((field) => plain(field.name) === plain(typed));
}

/** Nesting of `a.b.c=value`. */
const MAX_PATH = 8;

class Sorter {
  readonly #shape: InputShape;
  readonly #positional: readonly string[];
  readonly #values = new Map<string, unknown>();
  #plainOnly = false;
  #json = false;
  #help = false;

  constructor(shape: InputShape, positional: readonly string[]) {
    this.#shape = shape;
    this.#positional = positional;
  }

  /** Takes a word; returns how many of the following words went with it. */
  take(word: string, next: string | undefined): number {
    if (this.#plainOnly || !isOption(word)) {
      this.#takePlain(word);
      return 0;
    }
    if (word === '--') {
      this.#plainOnly = true;
      return 0;
    }
    const equals = word.indexOf('=');
    const name = equals === -1 ? word : word.slice(0, equals);
    return this.#takeOption(name, equals === -1 ? undefined : word.slice(equals + 1), next);
  }

  finish(): Arguments {
    return { input: Object.fromEntries(this.#values), json: this.#json, help: this.#help };
  }

  #takeOption(option: string, value: string | undefined, next: string | undefined): number {
    const name = option.replace(/^--?/, '');
    const field = option.startsWith('--') ? fieldNamed(this.#shape, name) : this.#fieldOfLetter(name);
    if (field === undefined && this.#takeOwn(option, value)) return 0;
    if (field === undefined && option.startsWith('--no-') && value === undefined) {
      const denied = fieldNamed(this.#shape, name.slice('no-'.length));
      if (denied?.kind === 'boolean') {
        this.#set(denied.name, false);
        return 0;
      }
    }
    if (value !== undefined) {
      this.#assign(name, value, option, field);
      return 0;
    }
    if (field?.kind === 'boolean' && !/^(?:true|false)$/i.test(next ?? '')) {
      this.#set(field.name, true);
      return 0;
    }
    if (field === undefined && !this.#shape.open) throw this.#unknown(option, name);
    if (next === undefined) throw new UsageError(`${option} needs a value.`);
    this.#assign(name, next, option, field);
    return 1;
  }

  #takeOwn(option: string, value: string | undefined): boolean {
    if (value !== undefined || (option !== '--json' && option !== '--help' && option !== '-h')) return false;
    if (option === '--json') this.#json = true;
    else this.#help = true;
    return true;
  }

  #takePlain(word: string): void {
    const equals = word.indexOf('=');
    if (equals > 0 && !this.#plainOnly) {
      const name = word.slice(0, equals);
      if (this.#isFieldPath(name)) {
        this.#assign(name, word.slice(equals + 1), name);
        return;
      }
    }
    const field = this.#nextPositional();
    if (field !== undefined) {
      this.#set(field.name, converted(word, field, this.#values.get(field.name)));
      return;
    }
    if (equals > 0 && this.#shape.open) {
      this.#assign(word.slice(0, equals), word.slice(equals + 1), word.slice(0, equals));
      return;
    }
    if (equals > 0) throw this.#unknown(word.slice(0, equals), word.slice(0, equals));
    throw new UsageError(`Unexpected word ${JSON.stringify(word.slice(0, 200))}. ${this.#expected()}`);
  }

  #nextPositional(): Field | undefined {
    for (const [index, name] of this.#positional.entries()) {
      const field = this.#shape.fields.find((candidate) => candidate.name === name);
      if (field === undefined) continue;
      const more = field.kind === 'array' && index === this.#positional.length - 1;
      if (more || !this.#values.has(name)) return field;
    }
    return undefined;
  }

  /** A letter means the one field that begins with it. */
  #fieldOfLetter(letter: string): Field | undefined {
    const exact = this.#shape.fields.find((field) => field.name === letter);
    const meant = this.#shape.fields.filter((field) => field.name.startsWith(letter));
    return exact ?? (letter.length === 1 && meant.length === 1 ? meant[0] : undefined);
  }

  #isFieldPath(name: string): boolean {
    const [head = ''] = name.split('.');
    return fieldNamed(this.#shape, name) !== undefined || (head !== name && fieldNamed(this.#shape, head) !== undefined);
  }

  #assign(name: string, text: string, shown: string, known = fieldNamed(this.#shape, name)): void {
    if (known !== undefined) {
      this.#set(known.name, converted(text, known, this.#values.get(known.name)));
      return;
    }
    const path = name.split('.');
    if (path.length > MAX_PATH || path.some((key) => key === '' || key === '__proto__')) throw this.#unknown(shown, name);
    const head = fieldNamed(this.#shape, path[0] ?? '');
    if (head === undefined && !this.#shape.open) throw this.#unknown(shown, name);
    const first = head?.name ?? path[0] ?? '';
    this.#set(first, nested(this.#values.get(first), path.slice(1), convertedTo(text, 'any')));
  }

  #set(name: string, value: unknown): void {
    if (name === '__proto__') throw new UsageError('A field can not have that name.');
    this.#values.set(name, value);
  }

  #unknown(shown: string, name: string): UsageError {
    const [meant] = nearest(name, this.#shape.fields.map((field) => field.name), 1);
    const hint = meant === undefined ? this.#expected() : `Did you mean ${meant}?`;
    return new UsageError(`There is no field ${JSON.stringify(shown.slice(0, 200))}. ${hint}`);
  }

  #expected(): string {
    const names = this.#shape.fields.map((field) => field.name);
    return names.length === 0 ? 'The command takes no fields.' : `Fields: ${names.join(', ')}.`;
  }
}

/** `--x`, `-x`, but not `-`, `-5` or a plain word. */
function isOption(word: string): boolean {
  return /^--?[^\d\s=-]|^--$/.test(word);
}

function converted(text: string, field: Field, before: unknown): unknown {
  if (field.kind !== 'array') return convertedTo(text, field.kind);
  const whole = text.startsWith('[') ? jsonOf(text) : undefined;
  const added: unknown[] = Array.isArray(whole) ? whole : [convertedTo(text, field.itemKind)];
  return Array.isArray(before) ? [...(before as unknown[]), ...added] : added;
}

function convertedTo(text: string, kind: FieldKind): unknown {
  switch (kind) {
    case 'boolean':
      return /^(?:true|false)$/i.test(text) ? text.toLowerCase() === 'true' : text;
    case 'number':
      return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?$/i.test(text) ? Number(text) : text;
    case 'string':
      return text;
    case 'array':
    case 'object':
    case 'any':
      return /^[[{]/.test(text) ? (jsonOf(text) ?? text) : text;
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function nested(before: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const object = typeof before === 'object' && before !== null && !Array.isArray(before) ? (before as Record<string, unknown>) : {};
  return { ...object, [key]: nested(object[key], rest, value) };
}
