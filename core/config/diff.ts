import { isDeepStrictEqual } from 'node:util';
import { isSecretKey, MASK, maskValue } from '../log/mask.ts';
import { leaves, sourceOf, type Layers, type Source, type Tree } from './layers.ts';

/** One setting that differs; `from` or `to` is undefined where it was or becomes unset. */
export interface Change {
  /** Dotted. */
  readonly path: string;
  readonly from: unknown;
  readonly to: unknown;
  /** Where the new value comes from. */
  readonly source: Source;
}

/** What differs between two effective configurations, sorted by path; `layers` are those of `next`. */
export function diffTrees(previous: Tree, next: Tree, layers: Layers): Change[] {
  const before = flat(previous);
  const after = flat(next);
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  return paths.flatMap((path) => {
    const [from, to] = [before.get(path)?.value, after.get(path)?.value];
    if (isDeepStrictEqual(from, to)) return [];
    const place = (after.get(path) ?? before.get(path))?.path ?? [];
    return [{ path, from, to, source: sourceOf(layers, place) }];
  });
}

/** A change as it may be shown. */
export function maskChange(change: Change): Change {
  const path = change.path.split('.');
  return { ...change, from: maskSetting(path, change.from), to: maskSetting(path, change.to) };
}

/** A value as it may be shown: hidden when a word of its path names a secret. */
export function maskSetting(path: readonly string[], value: unknown): unknown {
  const hidden = value !== undefined && typeof value !== 'boolean' && path.some(isSecretName);
  return hidden ? MASK : maskValue(value);
}

/** `tls.key` is the path of a file. */
function isSecretName(key: string, index: number, path: readonly string[]): boolean {
  return isSecretKey(key) && !(index === 1 && path[0] === 'tls' && key === 'key');
}

function flat(tree: Tree): Map<string, { readonly path: readonly string[]; readonly value: unknown }> {
  return new Map([...leaves(tree)].map((leaf) => [leaf.path.join('.'), leaf]));
}
