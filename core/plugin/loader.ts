import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import { trackDecorated } from '../di/container.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { runAs } from './attribution.ts';
import type { PluginDefinition } from './contract.ts';
import type { Bundle } from './bundler.ts';
import { checkDefinition } from './manifest.ts';
import type { PluginSource } from './plugin-source.ts';

/** Modules that the kernel hands to plugins as its own instances, e.g. `wcs-core` and `zod`. */
export type HostModules = ReadonlyMap<string, unknown>;

/** A plugin's evaluated code. */
export interface LoadedPlugin {
  readonly definition: PluginDefinition;
  /** Classes that tsyringe learnt of during the evaluation; to be evicted when the generation retires. */
  readonly classes: readonly (new (...parameters: never[]) => unknown)[];
}

/**
 * Evaluates a bundle with `vm.compileFunction` in the main context. No module registry sees the code, so nothing but
 * its generation holds it: an old version is collected when its generation is dropped.
 *
 * @param label names the code in stack traces, e.g. `rtmp@7`
 * @throws WcsError PLUGIN_E_EVALUATE, PLUGIN_E_MANIFEST or PLUGIN_E_API_VERSION
 */
export function loadPlugin(source: PluginSource, bundle: Bundle, label: string, hostModules: HostModules): LoadedPlugin {
  const nodeRequire = createRequire(join(source.folder, 'index.cjs'));
  const load = (id: string): unknown => (hostModules.has(id) ? hostModules.get(id) : nodeRequire(id));
  // `require.resolve` finds files that a package ships for browsers.
  const pluginRequire = Object.assign(load, { resolve: (id: string) => nodeRequire.resolve(id) });
  const checked = (): PluginDefinition => checkDefinition(evaluate(source.name, bundle.text, label, pluginRequire), source.name);
  const { result: definition, classes } = trackDecorated(() => runAs(label, checked));
  return { definition, classes };
}

function evaluate(name: string, text: string, label: string, pluginRequire: (id: string) => unknown): unknown {
  const module: { exports: { default?: unknown } } = { exports: {} };
  try {
    const run = compileFunction(text, ['module', 'exports', 'require'], { filename: `plugin://${label}/${name}.cjs` });
    Reflect.apply(run, undefined, [module, module.exports, pluginRequire]);
  } catch (error) {
    throw new WcsError('PLUGIN_E_EVALUATE', `Plugin ${name} failed while its module was evaluated: ${messageOf(error)}`, { cause: error });
  }
  return module.exports.default ?? module.exports;
}
