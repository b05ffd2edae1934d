import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import { evictClasses, type DependencyContainer } from '../di/container.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import { bundlePlugin, type Bundle } from './bundler.ts';
import { createContext, type KernelServices } from './create-context.ts';
import { DEFAULT_DRAIN_MS, type PluginManifest } from './contract.ts';
import { Generation } from './generation.ts';
import { dependantsOf, providerOf, startLayers } from './graph.ts';
import { loadPlugin, type HostModules, type LoadedPlugin } from './loader.ts';
import { pluginFromFolder, pluginFromPackage, type PluginSource } from './plugin-source.ts';
import { Scope } from '../scope/scope.ts';
import { Slot } from './slot.ts';
import { drainGeneration, moveSessions, prepareGeneration, switchTo } from './swap.ts';

/** What the host is made of. */
export interface PluginHostParts {
  readonly services: KernelServices;
  readonly config: Config;
  readonly container: DependencyContainer;
  readonly hostModules: HostModules;
  readonly log: Log;
  /** Plugins at hand; more come from `path` and `package` in wcs.yml. */
  readonly sources: readonly PluginSource[];
  /** Absolute folder of the pure libraries that plugins bundle. */
  readonly formatsFolder: string;
  /** Folder that relative paths and npm packages of plugins are looked up from. */
  readonly packagesFrom: string;
}

/** At the end of the server sessions get at most this long to finish. */
const STOP_DRAIN_MS = 5000;

/** Evaluated code that may become a generation. */
interface Candidate {
  readonly slot: Slot;
  readonly bundle: Bundle;
  readonly loaded: LoadedPlugin;
}

/** What a reload did. */
export type ReloadOutcome = 'unchanged' | 'swapped' | 'started';

/** Loads, swaps and retires plugins, one change at a time per plugin. */
export class PluginHost {
  readonly #parts: PluginHostParts;
  readonly #slots = new Map<string, Slot>();
  readonly #collected = new FinalizationRegistry<Slot>((slot) => slot.uncollected--);
  #stopping = false;

  constructor(parts: PluginHostParts) {
    this.#parts = parts;
    for (const source of parts.sources) this.#slots.set(source.name, new Slot(source));
    for (const name of parts.config.plugins().keys()) this.#discover(name);
  }

  /** All plugins, by name. */
  get slots(): readonly Slot[] {
    return [...this.#slots.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @throws WcsError PLUGIN_E_NOT_FOUND naming the plugins there are */
  slot(name: string): Slot {
    const slot = this.#slots.get(name) ?? this.#discover(name);
    if (slot !== undefined) return slot;
    const known = this.slots.map((each) => each.name).join(', ');
    throw new WcsError('PLUGIN_E_NOT_FOUND', `There is no plugin ${name}. Plugins: ${known}.`);
  }

  /** Starts every enabled plugin, layer by layer; a plugin that fails leaves the others starting. */
  async startAll(): Promise<void> {
    const built = await Promise.all(this.slots.map((slot) => slot.exclusive(() => this.#tryLoad(slot))));
    const enabled = built.filter((candidate) => candidate !== undefined);
    const layers = startLayers(enabled.map((candidate) => ({ ...candidate.loaded.definition.manifest, candidate })));
    for (const layer of layers) {
      await Promise.all(layer.map(({ candidate }) => this.#attempt(candidate.slot, () => this.#replace(candidate))));
    }
  }

  /** Builds a plugin anew and swaps it in; the same code is left alone. Starts it when it is not active. */
  reload(name: string): Promise<ReloadOutcome> {
    const slot = this.slot(name);
    return slot.coalesced(() =>
      this.#attempt(slot, async () => {
        const candidate = await this.#load(slot);
        if (slot.active?.bundle.hash === candidate.bundle.hash) {
          evictClasses(candidate.loaded.classes);
          return 'unchanged';
        }
        return this.#replace(candidate);
      }),
    );
  }

  /**
   * Swaps the previous code in again.
   *
   * @throws WcsError OPERATION_E_CONFLICT when there is none
   */
  rollback(name: string): Promise<ReloadOutcome> {
    const slot = this.slot(name);
    return slot.exclusive(() =>
      this.#attempt(slot, () => {
        const bundle = slot.previousBundle(slot.active?.bundle.hash);
        if (bundle === undefined) throw new WcsError('OPERATION_E_CONFLICT', `Plugin ${name} has run no other code since the server started.`);
        return this.#replace(this.#evaluate(slot, bundle));
      }),
    );
  }

  /**
   * Brings a plugin to what the configuration says now: on, off, or other settings.
   *
   * @throws WcsError when it cannot; the plugin goes on as it was
   */
  applyConfig(name: string): Promise<void> {
    const slot = this.slot(name);
    return slot.exclusive(() =>
      this.#attempt(slot, async () => {
        slot.faults.reset();
        if (!this.#isEnabled(slot)) return this.#stop(slot, 'disabled');
        if (slot.active === undefined) {
          const candidate = await this.#load(slot);
          if (this.#isEnabled(slot, candidate.loaded.definition.manifest)) await this.#replace(candidate);
          return;
        }
        await this.#reconfigure(slot, slot.active);
      }),
    );
  }

  /**
   * Waits until every change of a plugin that was asked for is made.
   *
   * @throws WcsError of the last one when it failed
   */
  async settled(name: string): Promise<void> {
    const slot = this.slot(name);
    await slot.exclusive(() => Promise.resolve());
    if (slot.error !== undefined) throw new WcsError(slot.error.code, slot.error.message);
  }

  /** Active plugins that could not go on without this one. */
  dependants(name: string): string[] {
    return dependantsOf(name, this.#activeManifests());
  }

  /** Drains and ends every plugin, dependants first. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    for (const slot of this.slots) slot.cancelRestart?.();
    for (const layer of startLayers(this.#activeManifests()).reverse()) {
      await Promise.all(layer.map(({ name }) => this.slot(name).exclusive(() => this.#stop(this.slot(name), 'server stop'))));
    }
    await Promise.all(this.slots.flatMap((slot) => [...slot.draining]).map((generation) => generation.retire('server stop')));
  }

  /** Takes note of a fault; one too many in a short time takes the plugin's generation down. */
  onFault(generation: Generation, error: unknown): void {
    const slot = this.#slots.get(generation.manifest.name);
    this.#parts.log.error(`Fault of ${generation.label}: ${messageOf(error)}`, { err: error });
    if (slot?.active !== generation || this.#stopping) return;
    if (slot.faults.add(Date.now())) void slot.exclusive(() => this.#takeDown(slot, generation, error));
  }

  /** The live generation with this label, for errors that surface in the process. */
  generation(label: string | undefined): Generation | undefined {
    for (const slot of this.#slots.values()) {
      for (const generation of [slot.active, ...slot.draining]) if (generation?.label === label) return generation;
    }
    return undefined;
  }

  /** A plugin that the configuration brings in by `path` or `package`; one whose code cannot be found is reported. */
  #discover(name: string): Slot | undefined {
    const { path, package: packageName } = this.#parts.config.plugin(name);
    if (path === undefined && packageName === undefined) return undefined;
    try {
      const from = this.#parts.packagesFrom;
      const source = path === undefined ? pluginFromPackage(name, packageName ?? name, from) : pluginFromFolder(name, resolve(from, path));
      const slot = new Slot(source);
      this.#slots.set(name, slot);
      return slot;
    } catch (error) {
      this.#parts.log.error(messageOf(error), { plugin: name });
      return undefined;
    }
  }

  #activeManifests(): PluginManifest[] {
    return this.slots.flatMap((slot) => (slot.active === undefined ? [] : [slot.active.manifest]));
  }

  #isEnabled(slot: Slot, manifest?: PluginManifest): boolean {
    return this.#parts.config.plugin(slot.name).enabled ?? manifest?.enabledByDefault ?? true;
  }

  #drainMs(slot: Slot): number {
    return this.#parts.config.plugin(slot.name).drainMs ?? DEFAULT_DRAIN_MS;
  }

  /** Runs a change and keeps its outcome for lists. */
  async #attempt<T>(slot: Slot, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work();
      slot.error = undefined;
      return result;
    } catch (error) {
      const known = error instanceof WcsError ? error : new WcsError('PLUGIN_E_FAULT', messageOf(error), { cause: error });
      slot.error = { code: known.code, message: known.message };
      if (slot.active === undefined) slot.state = 'failed';
      this.#parts.log.error(known.message, { plugin: slot.name, code: known.code, serving: slot.active?.label ?? 'nothing' });
      throw known;
    }
  }

  /** Code of an enabled plugin at start-up; undefined when it is off or broken (then it is marked failed). */
  async #tryLoad(slot: Slot): Promise<Candidate | undefined> {
    if (!this.#isEnabled(slot)) return undefined;
    try {
      const candidate = await this.#attempt(slot, () => this.#load(slot));
      if (this.#isEnabled(slot, candidate.loaded.definition.manifest)) return candidate;
      evictClasses(candidate.loaded.classes);
    } catch {
      // Already kept in the slot and logged.
    }
    return undefined;
  }

  async #load(slot: Slot): Promise<Candidate> {
    if (slot.active === undefined) slot.state = 'loading';
    return this.#evaluate(slot, await bundlePlugin(slot.source, this.#parts.formatsFolder));
  }

  #evaluate(slot: Slot, bundle: Bundle): Candidate {
    const number = slot.generations + 1;
    return { slot, bundle, loaded: loadPlugin(slot.source, bundle, `${slot.name}@${number}`, this.#parts.hostModules) };
  }

  /** Prepares a candidate, switches to it and lets the previous generation drain. On failure the previous one goes on. */
  async #replace({ slot, bundle, loaded }: Candidate): Promise<ReloadOutcome> {
    const next = this.#generationOf(slot, bundle, loaded);
    await prepareGeneration(next);
    const previous = slot.active;
    const switchMs = await switchTo(next);
    slot.active = next;
    slot.state = 'active';
    slot.remember(bundle);
    this.#parts.log.info(`${next.label} serves`, { switchMs: Number(switchMs.toFixed(3)) });
    if (previous === undefined) return 'started';
    const moved = await moveSessions(previous, next, this.#parts.log);
    slot.lastSwap = { switchMs, moved, draining: previous.sessions.size };
    void this.#drain(slot, previous, 'plugin reloaded');
    return 'swapped';
  }

  #generationOf(slot: Slot, bundle: Bundle, loaded: LoadedPlugin): Generation {
    const { manifest, configSchema } = loaded.definition;
    const { config, container, services } = this.#parts;
    const missing = manifest.requires?.find((capability) => providerOf(capability, this.#activeManifests()) === undefined);
    const scope = new Scope(`${slot.name}@${++slot.generations}`);
    scope.add('decorated classes', () => evictClasses(loaded.classes));
    try {
      if (missing !== undefined) throw new WcsError('PLUGIN_E_REQUIRES', `Plugin ${slot.name} needs ${missing}, which no active plugin provides.`);
      if (configSchema !== undefined) scope.add('settings schema', config.registerPluginSchema(slot.name, configSchema));
      return new Generation({
        number: slot.generations,
        bundle,
        loaded,
        scope,
        log: services.log.child({ component: slot.name, generation: scope.name }),
        settings: config.plugin(slot.name).settings,
        container: container.createChildContainer(),
        makeContext: (generation) => createContext(generation, services),
        onFault: (generation, error) => this.onFault(generation, error),
      });
    } catch (error) {
      void scope.close();
      throw error;
    }
  }

  async #reconfigure(slot: Slot, active: Generation): Promise<void> {
    const next = this.#parts.config.plugin(slot.name).settings;
    if (isDeepStrictEqual(next, active.settings)) return;
    const answer = active.run(() => active.instance.reconfigure?.(next) ?? 'restart');
    if (answer === 'applied') active.settings = next;
    else await this.#replace(this.#evaluate(slot, active.bundle));
  }

  async #stop(slot: Slot, reason: string): Promise<void> {
    slot.cancelRestart?.();
    const generation = slot.active;
    slot.active = undefined;
    slot.state = 'disabled';
    if (generation === undefined) return;
    generation.withdraw();
    const drained = this.#drain(slot, generation, reason);
    if (this.#stopping) await drained;
  }

  #drain(slot: Slot, generation: Generation, reason: string): Promise<void> {
    generation.state = 'draining';
    slot.draining.add(generation);
    slot.uncollected++;
    this.#collected.register(generation, slot);
    const limitMs = this.#stopping ? Math.min(this.#drainMs(slot), STOP_DRAIN_MS) : this.#drainMs(slot);
    const work = drainGeneration(generation, limitMs, reason)
      .then((cut) => this.#parts.log.info(`${generation.label} retired`, { sessionsEnded: cut }))
      .catch((error: unknown) => this.#parts.log.error(`${generation.label} did not release everything: ${messageOf(error)}`, { err: error }))
      .finally(() => slot.draining.delete(generation));
    return work;
  }

  async #takeDown(slot: Slot, generation: Generation, error: unknown): Promise<void> {
    if (slot.active !== generation) return;
    const waitMs = slot.faults.nextRestartMs();
    slot.active = undefined;
    slot.state = 'failed';
    slot.error = { code: 'PLUGIN_E_FAULT', message: `Too many faults; the last: ${messageOf(error)}. Next start in ${waitMs / 1000} s.` };
    this.#parts.log.error(`${generation.label} is taken down after too many faults`, { restartInMs: waitMs });
    await generation.retire('error').catch((failure: unknown) => this.#parts.log.error(messageOf(failure)));
    const timer = setTimeout(() => void slot.exclusive(() => this.#restart(slot)), waitMs);
    slot.cancelRestart = () => clearTimeout(timer);
  }

  async #restart(slot: Slot): Promise<void> {
    if (slot.active !== undefined || this.#stopping) return;
    try {
      await this.#attempt(slot, async () => this.#replace(await this.#load(slot)));
    } catch {
      // Kept in the slot and logged; an operator's change or reload tries again.
    }
  }
}
