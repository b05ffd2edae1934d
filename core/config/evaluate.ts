import type { z } from 'zod';
import { mergeTrees, isTree, sourceOf, valueAt, type Layers, type Tree } from './layers.ts';
import type { Problem } from './problem.ts';
import { KERNEL_SCHEMA, PLUGIN_HOST_KEYS, type KernelSettings } from './schema.ts';
import { unknownKeys } from './schema-walk.ts';
import type { Place } from './yaml-problems.ts';

/** A plugin's section: what the kernel reads of it, and the plugin's own settings. */
export interface PluginSettings {
  /** Undefined when nobody switched the plugin on or off. */
  readonly enabled: boolean | undefined;
  readonly path?: string | undefined;
  readonly package?: string | undefined;
  readonly drainMs?: number | undefined;
  /** Completed by the plugin's schema once that is registered, as written before. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Layers and how to name the place of a value in them. */
export interface Evaluated {
  readonly layers: Layers;
  readonly place: (path: readonly string[]) => Place;
  readonly variables: ReadonlyMap<string, string>;
}

/** A configuration that was checked; `kernel` is present exactly when there are no problems. */
export type Evaluation =
  | { readonly problems: readonly []; readonly kernel: KernelSettings; readonly plugins: ReadonlyMap<string, PluginSettings>; readonly tree: Tree }
  | { readonly problems: readonly Problem[]; readonly kernel?: undefined };

interface Fault {
  readonly path: readonly string[];
  readonly message: string;
}

/** Merges the layers and checks them whole: kernel settings, and those of every plugin whose schema is registered. Pure. */
export function evaluate(from: Evaluated, schemas: ReadonlyMap<string, z.ZodType>): Evaluation {
  const { file, environment, runtime } = from.layers;
  const merged = mergeTrees([file, environment, runtime]);
  const kernel = check(KERNEL_SCHEMA, merged, []);
  if (!('value' in kernel)) return { problems: kernel.faults.map((fault) => problemOf(fault, from)) };
  const plugins = new Map<string, PluginSettings>();
  const faults: Fault[] = [];
  for (const name of new Set([...Object.keys(kernel.value.plugins), ...schemas.keys()])) {
    const section = kernel.value.plugins[name] ?? {};
    const own = ownSettings(section);
    const schema = schemas.get(name);
    const parsed = schema === undefined ? { value: own } : check(schema, own, ['plugins', name]);
    if (!('value' in parsed)) faults.push(...parsed.faults);
    else plugins.set(name, { ...hostSettings(section), settings: isTree(parsed.value) ? parsed.value : own });
  }
  if (faults.length > 0) return { problems: faults.map((fault) => problemOf(fault, from)) };
  return { problems: [], kernel: kernel.value, plugins, tree: effectiveTree(kernel.value, plugins) };
}

function check<T>(schema: z.ZodType<T>, tree: unknown, path: readonly string[]): { value: T } | { faults: Fault[] } {
  const unknown = unknownKeys(schema, tree, path);
  const parsed = schema.safeParse(tree);
  if (parsed.success && unknown.length === 0) return { value: parsed.data };
  const issues = parsed.error?.issues ?? [];
  return { faults: [...unknown, ...issues.map((issue) => ({ path: [...path, ...issue.path.map(String)], message: issue.message }))] };
}

function ownSettings(section: Tree): Tree {
  const host: readonly string[] = PLUGIN_HOST_KEYS;
  return Object.fromEntries(Object.entries(section).filter(([key]) => !host.includes(key)));
}

function hostSettings({ enabled, path, package: packageName, drainMs }: KernelSettings['plugins'][string]): Omit<PluginSettings, 'settings'> {
  return { enabled, path, package: packageName, drainMs };
}

function effectiveTree(kernel: KernelSettings, plugins: ReadonlyMap<string, PluginSettings>): Tree {
  const sections = [...plugins].map(([name, { settings, ...host }]) => [name, { ...settings, ...host }] as const);
  return { ...kernel, plugins: Object.fromEntries(sections) };
}

/** Names the line for a value of the file, else the variable or the run-time setting. */
function problemOf({ path, message }: Fault, { layers, place, variables }: Evaluated): Problem {
  const key = path.join('.');
  const source = sourceOf(layers, path);
  if (source === 'environment') {
    const variable = [...variables].find(([known]) => known === key || key.startsWith(`${known}.`) || known.startsWith(`${key}.`))?.[1];
    return { line: 0, column: 0, key, message: `${message} (from the environment${variable === undefined ? '' : `, ${variable}`})` };
  }
  if (source === 'runtime') return { line: 0, column: 0, key, message: `${message} (set at run time; unset it, or edit overrides.json in the state folder)` };
  const nearest = path.map((_key, index) => path.slice(0, path.length - index)).find((above) => valueAt(layers.file, above) !== undefined);
  return { ...place(nearest === undefined ? [] : path), key, message };
}
