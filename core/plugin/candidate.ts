import type { Config } from '../config/config.ts';
import { evictClasses, type DependencyContainer } from '../di/container.ts';
import { WcsError } from '../errors/wcs-error.ts';
import { Scope } from '../scope/scope.ts';
import type { Bundle } from './bundler.ts';
import type { PluginManifest } from './contract.ts';
import { createContext, type KernelServices } from './create-context.ts';
import { Generation } from './generation.ts';
import { providerOf, startLayers } from './graph.ts';
import { loadPlugin, type HostModules, type LoadedPlugin } from './loader.ts';
import type { PluginSource } from './plugin-source.ts';
import type { Slot } from './slot.ts';

/** Evaluated code that may become a generation. */
export interface Candidate {
  readonly slot: Slot;
  readonly source: PluginSource;
  readonly bundle: Bundle;
  readonly loaded: LoadedPlugin;
}

/** What generations are made with. */
export interface GenerationMaker {
  readonly services: KernelServices;
  readonly config: Config;
  readonly container: DependencyContainer;
  readonly onFault: (generation: Generation, error: unknown) => void;
}

/** @throws what `loadPlugin` throws; nothing is left of the code then */
export function evaluateCandidate(slot: Slot, source: PluginSource, bundle: Bundle, hostModules: HostModules): Candidate {
  const label = `${slot.name}@${slot.generations + 1}`;
  return { slot, source, bundle, loaded: loadPlugin(source, bundle, label, hostModules) };
}

/** Gives up a candidate that no generation was made of. */
export function discardCandidate({ loaded }: Candidate): void {
  evictClasses(loaded.classes);
}

/**
 * Makes a generation that has acquired nothing yet.
 *
 * @param others manifests of the other active plugins
 * @throws WcsError PLUGIN_E_REQUIRES, PLUGIN_E_CYCLE, CONFIG_E_INVALID or what `create` threw; nothing is left of the candidate then
 */
export function makeGeneration({ slot, source, bundle, loaded }: Candidate, others: readonly PluginManifest[], maker: GenerationMaker): Generation {
  const { manifest, configSchema } = loaded.definition;
  const scope = new Scope(`${slot.name}@${++slot.generations}`);
  scope.add('decorated classes', () => evictClasses(loaded.classes));
  try {
    checkPlace(manifest, others);
    if (configSchema !== undefined) scope.add('settings schema', maker.config.registerPluginSchema(slot.name, configSchema));
    return new Generation({
      number: slot.generations,
      bundle,
      loaded,
      folder: source.folder,
      scope,
      log: maker.services.log.child({ component: slot.name, generation: scope.name }),
      settings: maker.config.plugin(slot.name).settings,
      container: maker.container.createChildContainer(),
      makeContext: (generation) => createContext(generation, maker.services),
      onFault: maker.onFault,
    });
  } catch (error) {
    // A plugin whose create() acquired something that can't be released has failed already: one error is reported.
    scope.close().catch(() => undefined);
    throw error;
  }
}

/** The plugin must fit among those that serve, now and when all of them are stopped in order. */
function checkPlace(manifest: PluginManifest, others: readonly PluginManifest[]): void {
  const missing = manifest.requires?.find((capability) => providerOf(capability, others) === undefined);
  if (missing !== undefined) throw new WcsError('PLUGIN_E_REQUIRES', `Plugin ${manifest.name} needs ${missing}, which no active plugin provides.`);
  startLayers([...others, manifest]);
}
