import { parseArgs } from 'node:util';

/** A command line that asks for something there is not; its sentence says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a command line asks for. */
export type RemoteCommand =
  | { readonly type: 'help' }
  | { readonly type: 'version' }
  | {
      readonly type: 'call';
      /** Dotted, e.g. `stream.find`. */
      readonly operation: string;
      readonly input: Readonly<Record<string, unknown>>;
      /** Base of the server's HTTP port, without a slash at the end. */
      readonly url: string;
      readonly user: string;
      /** Show the answer as JSON instead of tables. */
      readonly json: boolean;
    };

/** The HTTP port of a server on this machine with default settings. */
export const DEFAULT_URL = 'http://127.0.0.1:8081';

const OPTIONS = {
  url: { type: 'string' },
  user: { type: 'string', default: 'admin' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false },
} as const;

const WORD = /^[A-Za-z][\w-]*(?:\.[A-Za-z][\w-]*)*$/;
/** `name=value` takes the text as it is, `name:=value` takes JSON: a number, a list, an object. */
const FIELD = /^(?<name>[A-Za-z][\w.-]*?)(?<json>:?)=(?<value>.*)$/su;

/**
 * Reads `stream find name=x`: the operation's words, then its fields. A word without `=` is the field `name`.
 *
 * @param url the server's address where the command line names none
 * @throws UsageError
 */
export function parseRemoteCommand(args: readonly string[], url = DEFAULT_URL): RemoteCommand {
  const { values, positionals } = readArguments(args);
  if (values.version) return { type: 'version' };
  if (values.help || positionals.length === 0 || positionals[0] === 'help') return { type: 'help' };
  const { operation, rest } = operationOf(positionals);
  return { type: 'call', operation, input: Object.fromEntries(rest.map(fieldOf)), url: urlOf(values.url ?? url), user: values.user, json: values.json };
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function operationOf(words: readonly string[]): { readonly operation: string; readonly rest: readonly string[] } {
  const [first = '', second = ''] = words;
  if (WORD.test(first) && first.includes('.')) return { operation: first, rest: words.slice(1) };
  if (!WORD.test(first)) throw new UsageError(`${JSON.stringify(first)} is no command; write for example: wcs-core plugin list`);
  if (!WORD.test(second)) throw new UsageError(`What about ${first}? Write for example: wcs-core ${first} list`);
  return { operation: `${first}.${second}`, rest: words.slice(2) };
}

function fieldOf(word: string): readonly [string, unknown] {
  const { name, json, value = '' } = FIELD.exec(word)?.groups ?? {};
  if (name === undefined) return ['name', word];
  if (json !== ':') return [name, value];
  try {
    return [name, JSON.parse(value)];
  } catch {
    throw new UsageError(`The value of ${name}:= is not JSON: ${value}`);
  }
}

function urlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new UsageError(`${text} is no address of a server; write for example: --url ${DEFAULT_URL}`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
