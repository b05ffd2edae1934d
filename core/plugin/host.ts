import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/config.ts';
import type { DependencyContainer } from '../di/container.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import { bundlePlugin, type Bundle } from './bundler.ts';
import { discardCandidate, evaluateCandidate, makeGeneration, type Candidate } from './candidate.ts';
import { DEFAULT_DRAIN_MS, type PluginManifest } from './contract.ts';
import type { KernelServices } from './create-context.ts';
import { FaultPolicy } from './fault-policy.ts';
import type { Generation } from './generation.ts';
import { dependantsOf, startLayers } from './graph.ts';
import type { HostModules } from './loader.ts';
import { PluginCatalog } from './plugin-catalog.ts';
import type { PluginSource } from './plugin-source.ts';
import { Slot } from './slot.ts';
import type { PluginSession } from './session.ts';
import { drainGeneration, moveLateSessions, moveSessions, prepareGeneration, switchTo } from './swap.ts';

/** What the host is made of. */
export interface PluginHostParts {
  readonly services: KernelServices;
  readonly config: Config;
  readonly container: DependencyContainer;
  readonly hostModules: HostModules;
  readonly log: Log;
  /** Plugins at hand; more come from `path` and `package` in wcs.yml. */
  readonly sources: readonly PluginSource[];
  /** Absolute folder that holds a folder of each pure library that plugins bundle. */
  readonly librariesFolder: string;
  /** Folder that relative paths and npm packages of plugins are looked up from. */
  readonly packagesFrom: string;
}

/** At the end of the server the plugins' own work, such as requests in flight, gets at most this long to finish. */
const STOP_DRAIN_MS = 5000;

/** What a reload did. */
export type ReloadOutcome = 'unchanged' | 'swapped' | 'started';

/** Loads, swaps and retires plugins, one change at a time per plugin. */
export class PluginHost {
  readonly #parts: PluginHostParts;
  readonly #catalog: PluginCatalog;
  readonly #policy: FaultPolicy;
  readonly #slots = new Map<string, Slot>();
  readonly #collected = new FinalizationRegistry<Slot>((slot) => slot.uncollected--);
  #stopping = false;

  constructor(parts: PluginHostParts) {
    this.#parts = parts;
    this.#catalog = new PluginCatalog(parts.config, parts.sources, parts.packagesFrom);
    this.#policy = new FaultPolicy(
      {
        isStopping: () => this.#stopping,
        start: (slot) => this.#attempt(slot, async () => this.#replace(await this.#load(slot))),
        swapTo: (slot, bundle) => this.#attempt(slot, () => this.#replaceCode(slot, bundle)),
        retire: (slot, generation) => this.#retire(slot, generation, 'error'),
      },
      parts.log,
    );
    for (const name of this.#catalog.names()) this.#slots.set(name, new Slot(name));
  }

  /** All plugins, by name. */
  get slots(): readonly Slot[] {
    return [...this.#slots.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** @throws WcsError PLUGIN_E_NOT_FOUND naming the plugins there are */
  slot(name: string): Slot {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    // Brought in by the configuration since the start; `find` says what is wrong with it.
    const slot = new Slot(this.#catalog.find(name).name);
    this.#slots.set(name, slot);
    return slot;
  }

  /** Absolute folders of the plugins' code as far as it can be found. */
  folders(): string[] {
    return this.slots.flatMap((slot) => (slot.source === undefined ? [] : [slot.source.folder]));
  }

  /** Starts every enabled plugin, layer by layer; a plugin that fails leaves the others starting. */
  async startAll(): Promise<void> {
    const built = await Promise.all(this.slots.map((slot) => slot.exclusive(() => this.#tryLoad(slot))));
    for (const layer of this.#startOrder(built.filter((candidate) => candidate !== undefined))) {
      await Promise.all(layer.map((candidate) => candidate.slot.exclusive(() => this.#startFirst(candidate))));
    }
  }

  /** Builds a plugin anew and swaps it in; the same code is left alone. Starts it when it is not active. */
  async reload(name: string): Promise<ReloadOutcome> {
    const slot = this.slot(name);
    return slot.coalesced(() =>
      this.#attempt(slot, async () => {
        const { source, bundle } = await this.#build(slot);
        const before = slot.active?.bundle;
        if (before?.hash === bundle.hash) return 'unchanged';
        const outcome = await this.#replace(this.#evaluate(slot, source, bundle));
        if (before !== undefined && slot.active !== undefined) slot.probation = { label: slot.active.label, sinceMs: Date.now(), before };
        return outcome;
      }),
    );
  }

  /**
   * Swaps the previous code in again.
   *
   * @throws WcsError OPERATION_E_CONFLICT when there is none
   */
  async rollback(name: string): Promise<ReloadOutcome> {
    const slot = this.slot(name);
    return slot.exclusive(() =>
      this.#attempt(slot, () => {
        const bundle = slot.previousBundle();
        if (bundle === undefined) throw new WcsError('OPERATION_E_CONFLICT', `Plugin ${name} has run no other code since the server started.`);
        return this.#replaceCode(slot, bundle);
      }),
    );
  }

  /**
   * Brings a plugin to what the configuration says now: on, off, other code or other settings.
   *
   * @throws WcsError when it cannot; the plugin goes on as it was
   */
  async applyConfig(name: string): Promise<void> {
    const slot = this.slot(name);
    return slot.exclusive(() =>
      this.#attempt(slot, async () => {
        slot.faults.reset();
        if (!this.#catalog.has(name) || !this.#isEnabled(slot)) return this.#stop(slot, 'disabled');
        if (slot.active === undefined) return this.#startIfEnabled(slot);
        if (this.#catalog.find(name).entry !== slot.source?.entry) await this.#replace(await this.#load(slot));
        else await this.#reconfigure(slot, slot.active);
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

  /** Active plugins that could not go on without this one, those which need them in turn first. */
  dependants(name: string): string[] {
    return dependantsOf(name, this.#activeManifests());
  }

  /** Drains and ends every plugin, dependants first. Never throws. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    for (const slot of this.slots) slot.cancelRestart();
    const end = (slot: Slot): Promise<void> => slot.exclusive(() => this.#stop(slot, 'server stop'));
    for (const layer of startLayers(this.#activeManifests()).reverse()) {
      await Promise.all(layer.map(({ name }) => end(this.slot(name))));
    }
    // Those that were in the middle of a change; nothing starts any more.
    await Promise.all(this.slots.map(end));
    await Promise.all(this.slots.flatMap((slot) => [...slot.draining].map((generation) => this.#retire(slot, generation, 'server stop'))));
  }

  /** Takes note of a fault; one too many in a short time takes the plugin's generation down. */
  onFault(generation: Generation, error: unknown): void {
    const slot = this.#slots.get(generation.manifest.name);
    if (slot !== undefined) this.#policy.note(slot, generation, error);
  }

  /** The live generation with this label, for errors that surface in the process. */
  generation(label: string | undefined): Generation | undefined {
    for (const slot of this.#slots.values()) {
      for (const generation of [slot.active, ...slot.draining]) if (generation?.label === label) return generation;
    }
    return undefined;
  }

  #activeManifests(except?: Slot): PluginManifest[] {
    return this.slots.flatMap((slot) => (slot.active === undefined || slot === except ? [] : [slot.active.manifest]));
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
      const known = error instanceof WcsError ? error : new WcsError('PLUGIN_E_FAULT', `Plugin ${slot.name}: ${messageOf(error)}`, { cause: error });
      slot.error = { code: known.code, message: known.message };
      if (slot.active === undefined) slot.state = 'failed';
      this.#parts.log.error(known.message, { plugin: slot.name, code: known.code, serving: slot.active?.label ?? 'nothing' });
      throw known;
    }
  }

  /** Code of an enabled plugin at start-up; undefined when it is off or broken (then it is marked failed). */
  async #tryLoad(slot: Slot): Promise<Candidate | undefined> {
    // A change of the configuration may have come before its turn.
    if (!this.#isEnabled(slot) || slot.active !== undefined) return undefined;
    try {
      const candidate = await this.#attempt(slot, () => this.#load(slot));
      if (this.#isEnabled(slot, candidate.loaded.definition.manifest)) return candidate;
      discardCandidate(candidate);
      slot.state = 'disabled';
    } catch {
      // Already kept in the slot and logged.
    }
    return undefined;
  }

  /** Layers in which to start; plugins that wait for each other in a circle are marked failed and left out. */
  #startOrder(candidates: readonly Candidate[]): Candidate[][] {
    try {
      const nodes = candidates.map((candidate) => ({ ...candidate.loaded.definition.manifest, candidate }));
      return startLayers(nodes).map((layer) => layer.map(({ candidate }) => candidate));
    } catch (error) {
      const circle = error instanceof WcsError && Array.isArray(error.details.plugins) ? error.details.plugins : [];
      const inCircle = candidates.filter(({ slot }) => circle.includes(slot.name));
      if (inCircle.length === 0) throw error;
      for (const candidate of inCircle) {
        discardCandidate(candidate);
        this.#attempt(candidate.slot, () => Promise.reject(error as Error)).catch(() => undefined);
      }
      return this.#startOrder(candidates.filter((candidate) => !inCircle.includes(candidate)));
    }
  }

  /** Starts a plugin at start-up, unless somebody was faster. */
  async #startFirst(candidate: Candidate): Promise<void> {
    const { slot, loaded } = candidate;
    if (slot.active !== undefined || !this.#isEnabled(slot, loaded.definition.manifest)) {
      discardCandidate(candidate);
      return;
    }
    // A failure is kept in the slot and logged; the other plugins start all the same.
    await this.#attempt(slot, () => this.#replace(candidate)).catch(() => undefined);
  }

  async #startIfEnabled(slot: Slot): Promise<void> {
    const candidate = await this.#load(slot);
    if (this.#isEnabled(slot, candidate.loaded.definition.manifest)) await this.#replace(candidate);
    else {
      discardCandidate(candidate);
      slot.state = 'disabled';
    }
  }

  async #build(slot: Slot): Promise<{ source: PluginSource; bundle: Bundle }> {
    if (slot.active === undefined) slot.state = 'loading';
    const source = this.#catalog.find(slot.name);
    if (slot.active === undefined) slot.source = source;
    return { source, bundle: await bundlePlugin(source, this.#parts.librariesFolder) };
  }

  async #load(slot: Slot): Promise<Candidate> {
    const { source, bundle } = await this.#build(slot);
    return this.#evaluate(slot, source, bundle);
  }

  #evaluate(slot: Slot, source: PluginSource, bundle: Bundle): Candidate {
    return evaluateCandidate(slot, source, bundle, this.#parts.hostModules);
  }

  /** Swaps code in that was built before. */
  #replaceCode(slot: Slot, bundle: Bundle): Promise<ReloadOutcome> {
    return this.#replace(this.#evaluate(slot, slot.source ?? this.#catalog.find(slot.name), bundle));
  }

  /** Prepares a candidate, switches to it and lets the previous generation drain. On failure the previous one goes on. */
  async #replace(candidate: Candidate): Promise<ReloadOutcome> {
    const { slot, bundle, source } = candidate;
    if (this.#stopping) {
      discardCandidate(candidate);
      throw new WcsError('OPERATION_E_CONFLICT', `The server is stopping; plugin ${slot.name} is not started.`);
    }
    const { services, config, container, log } = this.#parts;
    const onFault = (generation: Generation, error: unknown): void => this.onFault(generation, error);
    const next = makeGeneration(candidate, this.#activeManifests(slot), { services, config, container, onFault });
    await prepareGeneration(next);
    const previous = slot.active;
    const switchMs = await switchTo(next, previous, () => slot.serve(next, bundle, source));
    log.info(`${next.label} serves`, { switchMs: Number(switchMs.toFixed(3)) });
    if (previous === undefined) {
      this.#startWaiting(slot);
      return 'started';
    }
    const refused = new WeakSet<PluginSession>();
    const moved = await moveSessions(previous, next, log, refused);
    slot.lastSwap = { switchMs, moved, draining: previous.sessions.size };
    void this.#drain(slot, previous, 'plugin reloaded');
    void moveLateSessions(previous, () => slot.active, log, refused);
    return 'swapped';
  }

  /** A plugin that serves now may be what others could not start without. */
  #startWaiting(started: Slot): void {
    for (const slot of this.slots) {
      const waits = slot !== started && slot.state === 'failed' && slot.error?.code === 'PLUGIN_E_REQUIRES';
      if (waits) void this.applyConfig(slot.name).catch(() => undefined);
    }
  }

  async #reconfigure(slot: Slot, active: Generation): Promise<void> {
    const next = this.#parts.config.plugin(slot.name).settings;
    if (isDeepStrictEqual(next, active.settings)) return;
    const answer = active.run(() => active.instance.reconfigure?.(next) ?? 'restart');
    if (answer === 'applied') active.settings = next;
    else await this.#replaceCode(slot, active.bundle);
  }

  async #stop(slot: Slot, reason: string): Promise<void> {
    slot.cancelRestart();
    const generation = slot.active;
    slot.active = undefined;
    slot.state = 'disabled';
    if (generation === undefined) return;
    generation.withdraw();
    const drained = this.#drain(slot, generation, reason);
    if (this.#stopping) await drained;
  }

  #drain(slot: Slot, generation: Generation, reason: string): Promise<void> {
    slot.draining.add(generation);
    const drainMs = this.#stopping ? Math.min(this.#drainMs(slot), STOP_DRAIN_MS) : this.#drainMs(slot);
    // A peer doesn't know that the server stops until it hears the goodbye: there is no sense in waiting for it to leave.
    return drainGeneration(generation, { drainMs, waitsForSessions: !this.#stopping }).then((cut) => {
      this.#parts.log.info(`${generation.label} ends`, { sessionsEnded: cut });
      return this.#retire(slot, generation, reason);
    });
  }

  /** Ends a generation and follows whether its code is collected. Never rejects. */
  async #retire(slot: Slot, generation: Generation, reason: string): Promise<void> {
    if (!slot.followed.has(generation)) {
      slot.followed.add(generation);
      slot.uncollected++;
      this.#collected.register(generation, slot);
    }
    try {
      await generation.retire(reason);
    } catch (error) {
      this.#parts.log.error(`${generation.label} did not release everything: ${messageOf(error)}`, { err: error });
    } finally {
      slot.draining.delete(generation);
    }
  }
}
