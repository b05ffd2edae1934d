import { isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument, type Document, type Pair } from 'yaml';
import { messageOf } from '../errors/wcs-error.ts';
import { FORBIDDEN_KEYS, isTree, spellOutSwitches, type Tree } from './layers.ts';
import type { Problem } from './problem.ts';

/** Longest text read; a hand-written file has a few kilobytes. */
const MAX_TEXT_CHARS = 1024 * 1024;
/** How often aliases may be expanded, against texts that grow without bound. */
const MAX_ALIASES = 100;

/** A place in a text, 1-based. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A YAML text as settings. */
export interface YamlSettings {
  /** Empty when there are problems. */
  readonly tree: Tree;
  readonly problems: readonly Problem[];
  /** Where a setting stands, or the nearest section above it. */
  place(path: readonly string[]): Place;
}

/** Reads a YAML text; whatever is wrong with it becomes a problem with line, column and key. Never throws. */
export function parseYaml(text: string): YamlSettings {
  const start: Place = { line: 1, column: 1 };
  const failed = (message: string, at: Place = start): YamlSettings => ({ tree: {}, problems: [{ ...at, key: '', message }], place: () => at });
  if (text.length > MAX_TEXT_CHARS) return failed(`the text has ${text.length} characters; ${MAX_TEXT_CHARS} are allowed`);
  try {
    const counter = new LineCounter();
    const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, logLevel: 'silent', uniqueKeys: true });
    const place = (offset: number): Place => placeAt(counter, offset);
    const faults = [...document.errors, ...document.warnings];
    const problems = faults.map((fault) => ({ ...place(fault.pos[0]), key: '', message: oneLine(fault.message) }));
    if (problems.length > 0) return { tree: {}, problems, place: () => start };
    const value: unknown = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
    if (!isTree(value)) return failed('the text must be settings of the form "key: value"');
    const forbidden = forbiddenKey(value);
    if (forbidden !== undefined) return failed(`the key ${JSON.stringify(forbidden)} is not allowed`);
    return { tree: spellOutSwitches(value), problems: [], place: (path) => place(offsetOf(document, path)) };
  } catch (error) {
    // Too many aliases, or nested deeper than the stack.
    return failed(oneLine(messageOf(error)));
  }
}

function placeAt(counter: LineCounter, offset: number): Place {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function oneLine(message: string): string {
  return message.replace(/\s+/g, ' ').trim().slice(0, 300);
}

function forbiddenKey(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map(forbiddenKey).find((key) => key !== undefined);
  if (!isTree(value)) return undefined;
  const own = Object.keys(value).find((key) => FORBIDDEN_KEYS.includes(key));
  return own ?? forbiddenKey(Object.values(value));
}

/** Offset of the key at the end of the path, as far as the path exists. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
      if (pair === undefined) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(key)];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
