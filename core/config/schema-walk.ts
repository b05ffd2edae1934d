import { z } from 'zod';
import { isTree, type Tree } from './layers.ts';

/** A setting by its place in a schema. */
export interface SchemaLeaf {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
}

/** A key that the schema does not know. */
export interface UnknownKey {
  readonly path: readonly string[];
  readonly message: string;
}

/** The schema under defaults, optionals and transforms. */
function unwrap(schema: z.ZodType): z.ZodType {
  const { def } = schema;
  const inner: unknown = 'innerType' in def ? def.innerType : 'in' in def ? def.in : undefined;
  return inner instanceof z.ZodType ? unwrap(inner) : schema;
}

function shapeOf(schema: z.ZodType): Readonly<Record<string, unknown>> | undefined {
  const bare = unwrap(schema);
  return bare instanceof z.ZodObject ? bare.shape : undefined;
}

/** Every setting that is not itself a section, in the order of the schema. */
export function schemaLeaves(schema: z.ZodType, path: readonly string[] = []): SchemaLeaf[] {
  const shape = shapeOf(schema);
  if (shape === undefined) return [{ path, schema }];
  return Object.entries(shape).flatMap(([key, child]) => (child instanceof z.ZodType ? schemaLeaves(child, [...path, key]) : []));
}

/** Keys of `tree` that no object schema names, each with the nearest key there is. Loose objects take any key. */
export function unknownKeys(schema: z.ZodType, tree: unknown, path: readonly string[] = []): UnknownKey[] {
  if (!isTree(tree)) return [];
  const bare = unwrap(schema);
  const shape = shapeOf(bare);
  if (shape !== undefined) {
    const open = bare instanceof z.ZodObject && bare.def.catchall instanceof z.ZodType && !(bare.def.catchall instanceof z.ZodNever);
    return Object.keys(tree).flatMap((key) => {
      const child = Object.hasOwn(shape, key) ? shape[key] : undefined;
      if (child instanceof z.ZodType) return unknownKeys(child, tree[key], [...path, key]);
      return open ? [] : [{ path: [...path, key], message: unknownMessage(key, Object.keys(shape)) }];
    });
  }
  const value = bare instanceof z.ZodRecord ? bare.valueType : undefined;
  return value instanceof z.ZodType ? belowRecord(value, tree, path) : [];
}

function belowRecord(value: z.ZodType, tree: Tree, path: readonly string[]): UnknownKey[] {
  return Object.entries(tree).flatMap(([key, child]) => unknownKeys(value, child, [...path, key]));
}

function unknownMessage(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  return near === undefined ? `unknown setting; there are ${known.join(', ')}` : `unknown setting; did you mean ${JSON.stringify(near)}?`;
}

/** The candidate that needs the fewest edits to become `word`; undefined when all are far away. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const wanted = word.slice(0, 64).toLowerCase();
  const limit = Math.max(2, Math.floor(wanted.length / 3));
  const rated = candidates.map((candidate) => ({ candidate, edits: editDistance(wanted, candidate.toLowerCase()) }));
  return rated.filter(({ edits }) => edits <= limit).sort((a, b) => a.edits - b.edits)[0]?.candidate;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
