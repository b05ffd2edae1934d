import { WcsError } from '../errors/wcs-error.ts';
import type { PluginManifest } from './contract.ts';

type Node = Pick<PluginManifest, 'name' | 'requires' | 'after' | 'provides'>;

/** Which plugin provides a capability; a plugin's own name counts as one. */
export function providerOf<T extends Node>(capability: string, plugins: Iterable<T>): T | undefined {
  for (const plugin of plugins) {
    if (plugin.name === capability || plugin.provides?.includes(capability)) return plugin;
  }
  return undefined;
}

/**
 * Orders plugins into layers: each starts after what it requires or names in `after`; the plugins of one layer may start together.
 *
 * @throws WcsError PLUGIN_E_CYCLE with the path, e.g. `a -> b -> a`, and its names in `details.plugins`
 */
export function startLayers<T extends Node>(plugins: readonly T[]): T[][] {
  const depths = new Map<T, number>();
  const depthOf = (plugin: T, path: readonly T[]): number => {
    if (path.includes(plugin)) {
      const cycle = path.slice(path.indexOf(plugin)).map((node) => node.name);
      const sentence = `Plugins wait for each other: ${[...cycle, plugin.name].join(' -> ')}. Take one requirement away.`;
      throw new WcsError('PLUGIN_E_CYCLE', sentence, { details: { plugins: cycle } });
    }
    const known = depths.get(plugin);
    if (known !== undefined) return known;
    const earlier = [...(plugin.requires ?? []), ...(plugin.after ?? [])]
      .map((capability) => providerOf(capability, plugins))
      .filter((provider) => provider !== undefined && provider !== plugin);
    const depth = Math.max(-1, ...earlier.map((provider) => (provider === undefined ? -1 : depthOf(provider, [...path, plugin])))) + 1;
    depths.set(plugin, depth);
    return depth;
  };
  const layers: T[][] = [];
  for (const plugin of plugins) (layers[depthOf(plugin, [])] ??= []).push(plugin);
  return layers;
}

/**
 * The plugins that could not go on without `name`, because nobody else provides what they require; in the order in which
 * they have to stop, so that those which need them in turn come first.
 */
export function dependantsOf(name: string, plugins: readonly Node[]): string[] {
  const gone: string[] = [name];
  for (;;) {
    const rest = plugins.filter((plugin) => !gone.includes(plugin.name));
    const stranded = rest.filter((plugin) => plugin.requires?.some((capability) => isLost(capability, plugins, rest)));
    if (stranded.length === 0) return gone.slice(1).reverse();
    gone.push(...stranded.map((plugin) => plugin.name));
  }
}

function isLost(capability: string, before: readonly Node[], after: readonly Node[]): boolean {
  return providerOf(capability, before) !== undefined && providerOf(capability, after) === undefined;
}
