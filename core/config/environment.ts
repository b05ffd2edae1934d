import { parse } from 'yaml';
import { z } from 'zod';
import { mergeTrees, spellOutSwitches, treeOf, type Tree } from './layers.ts';
import { KERNEL_SCHEMA, PLUGIN_HOST_KEYS } from './schema.ts';
import { schemaLeaves, type SchemaLeaf } from './schema-walk.ts';

/** Variables of the process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that are no settings. */
const NOT_SETTINGS = new Set(['WCS_ADMIN_PASSWORD']);
/** Longest value that is read as more than a text. */
const MAX_VALUE_CHARS = 65_536;

/** What the environment says. */
export interface EnvironmentLayer {
  readonly tree: Tree;
  /** Dotted path of a setting to the variable that gave it. */
  readonly variables: ReadonlyMap<string, string>;
  /** Variables that begin with `WCS_` and match nothing known (yet). */
  readonly unmatched: readonly string[];
}

/**
 * Matches `WCS_PLUGINS_RTMP_PORT` to `plugins.rtmp.port`: letters and digits of both count, in any case.
 * Values are read as the schema wants them: text, YAML scalar, or a list parted by commas.
 */
export function environmentLayer(env: Environment, pluginSchemas: ReadonlyMap<string, z.ZodType>, pluginNames: readonly string[]): EnvironmentLayer {
  const known = knownSettings(pluginSchemas, pluginNames);
  const trees: Tree[] = [];
  const variables = new Map<string, string>();
  const unmatched: string[] = [];
  for (const [variable, text] of Object.entries(env)) {
    if (text === undefined || !/^WCS_/i.test(variable) || NOT_SETTINGS.has(variable.toUpperCase())) continue;
    const leaf = known.get(bare(variable.slice(4))) ?? pluginLeaf(variable.slice(4));
    if (leaf === undefined) {
      unmatched.push(variable);
      continue;
    }
    trees.push(treeOf(leaf.path, readValue(text, leaf.schema)));
    variables.set(leaf.path.join('.'), variable);
  }
  return { tree: mergeTrees(trees.map(spellOutSwitches)), variables, unmatched };
}

function bare(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, '').toLowerCase();
}

const SWITCH = z.union([z.boolean(), z.enum(['on', 'off'])]);
const SECTION = KERNEL_SCHEMA.shape.plugins.unwrap().valueType;

function hostLeaves(name: string): SchemaLeaf[] {
  return [{ path: ['plugins', name], schema: SWITCH }, ...schemaLeaves(SECTION, ['plugins', name])];
}

function knownSettings(schemas: ReadonlyMap<string, z.ZodType>, names: readonly string[]): Map<string, SchemaLeaf> {
  const own = [...schemas].flatMap(([name, schema]) => schemaLeaves(schema, ['plugins', name]));
  const host = [...new Set([...schemas.keys(), ...names])].flatMap(hostLeaves);
  const kernel = schemaLeaves(KERNEL_SCHEMA).filter(({ path }) => path[0] !== 'plugins');
  return new Map([...own, ...host, ...kernel].map((leaf) => [bare(leaf.path.join('')), leaf]));
}

/** `PLUGINS_MY_PLUGIN_ENABLED` of a plugin that nothing else has named: the words before the kernel's own key are its name. */
function pluginLeaf(rest: string): SchemaLeaf | undefined {
  const match = /^plugins_([a-z][a-z0-9_]*?)_(enabled|path|package|drain_?ms)$/i.exec(rest);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  const [name, key] = [match[1].toLowerCase().replaceAll('_', '-'), bare(match[2])];
  const hostKey = PLUGIN_HOST_KEYS.find((candidate) => candidate.toLowerCase() === key);
  return hostLeaves(name).find(({ path }) => path[2] === hostKey && hostKey !== undefined);
}

/** The first reading that the schema takes; the plain text when it takes none, so that the problem shows what was given. */
function readValue(text: string, schema: z.ZodType): unknown {
  const readings = [() => text, () => parse(text.slice(0, MAX_VALUE_CHARS), { logLevel: 'silent' }) as unknown, () => text.split(',').map((item) => item.trim())];
  for (const reading of readings) {
    try {
      const value = reading();
      if (value !== null && schema.safeParse(value).success) return value;
    } catch {
      continue;
    }
  }
  return text;
}
