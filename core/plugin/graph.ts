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
 * @throws WcsError PLUGIN_E_CYCLE with the path, e.g. `a -> b -> a`
 */
export function startLayers<T extends Node>(plugins: readonly T[]): T[][] {
  const depths = new Map<T, number>();
  const depthOf = (plugin: T, path: readonly T[]): number => {
    if (path.includes(plugin)) {
      const cycle = [...path.slice(path.indexOf(plugin)), plugin].map((node) => node.name).join(' -> ');
      throw new WcsError('PLUGIN_E_CYCLE', `Plugins wait for each other: ${cycle}. Take one requirement away.`);
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

/** The plugins that require a capability which only `name` provides. */
export function dependantsOf(name: string, plugins: readonly Node[]): string[] {
  return plugins
    .filter((plugin) => plugin.name !== name && plugin.requires?.some((capability) => providerOf(capability, plugins)?.name === name))
    .map((plugin) => plugin.name);
}
