/** Where a value of the configuration came from, lowest precedence first. */
export const SOURCES = ['default', 'file', 'environment', 'runtime'] as const;

/** One of `SOURCES`. */
export type Source = (typeof SOURCES)[number];

/** Nested settings. Lists count as values: a higher layer replaces them whole. */
export type Tree = Readonly<Record<string, unknown>>;

/** What each source says; defaults are in the schemas. */
export type Layers = Readonly<Record<Exclude<Source, 'default'>, Tree>>;

/** Keys that would reach an object's prototype. */
export const FORBIDDEN_KEYS: readonly string[] = ['__proto__', 'constructor', 'prototype'];

/** True for a section, false for a value. */
export function isTree(value: unknown): value is Tree {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Later trees win, value by value; null means not set, as of a section whose lines are all commented out. */
export function mergeTrees(trees: readonly Tree[]): Tree {
  const merged = new Map<string, unknown>();
  for (const tree of trees) {
    for (const [key, value] of Object.entries(tree)) {
      if (value === null || value === undefined || FORBIDDEN_KEYS.includes(key)) continue;
      const below = merged.get(key);
      merged.set(key, isTree(value) ? mergeTrees([isTree(below) ? below : {}, value]) : value);
    }
  }
  return Object.fromEntries(merged);
}

/** The value at a path; undefined where there is none. */
export function valueAt(tree: Tree, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) {
    if (!isTree(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value ?? undefined;
}

/** A tree with one value in it. */
export function treeOf(path: readonly string[], value: unknown): Tree {
  const nested = path.reduceRight((inner: unknown, key) => ({ [key]: inner }), value);
  return isTree(nested) ? nested : {};
}

/** The highest layer that says anything at or below the path, or replaces a section above it by a value. */
export function sourceOf(layers: Layers, path: readonly string[]): Source {
  const highest = [...SOURCES].reverse().find((source) => source !== 'default' && hasSaid(layers[source], path));
  return highest ?? 'default';
}

function hasSaid(tree: Tree, path: readonly string[]): boolean {
  const value = valueAt(tree, path);
  if (isTree(value)) return [...leaves(value)].length > 0;
  if (value !== undefined) return true;
  return path.some((_key, depth) => {
    const above = depth === 0 ? undefined : valueAt(tree, path.slice(0, depth));
    return above !== undefined && !isTree(above);
  });
}

/** Every value that is not a section, with its path; null and forbidden keys left out. */
export function* leaves(tree: Tree, path: readonly string[] = []): Iterable<{ readonly path: readonly string[]; readonly value: unknown }> {
  for (const [key, value] of Object.entries(tree)) {
    if (value === null || value === undefined || FORBIDDEN_KEYS.includes(key)) continue;
    if (isTree(value)) yield* leaves(value, [...path, key]);
    else yield { path: [...path, key], value };
  }
}

/** Spells `plugins: { rtmp: off }` as `plugins: { rtmp: { enabled: false } }`, so that layers add to it instead of replacing it. */
export function spellOutSwitches(tree: Tree): Tree {
  const { plugins } = tree;
  if (!isTree(plugins)) return tree;
  const sections = Object.entries(plugins).map(([name, section]) => {
    const enabled = switchOf(section);
    return [name, enabled === undefined ? section : { enabled }] as const;
  });
  return { ...tree, plugins: Object.fromEntries(sections) };
}

function switchOf(section: unknown): boolean | undefined {
  if (typeof section === 'boolean') return section;
  const word = typeof section === 'string' ? section.toLowerCase() : '';
  return word === 'on' || word === 'off' ? word === 'on' : undefined;
}
