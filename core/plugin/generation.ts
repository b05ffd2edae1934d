import type { DependencyContainer } from '../di/container.ts';
import { registerClasses } from '../di/container.ts';
import { TOKENS } from '../di/tokens.ts';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import type { Owner } from '../net/owner.ts';
import type { Held, Scope } from '../scope/scope.ts';
import { runAs } from './attribution.ts';
import type { Bundle } from './bundler.ts';
import type { PluginDefinition, PluginInstance, PluginManifest } from './contract.ts';
import type { PluginContext } from './context.ts';
import type { LoadedPlugin } from './loader.ts';
import type { PluginSession, SessionOwner } from './session.ts';

/** loading → preparing → active → draining → retired; failed from the first two. */
export type GenerationState = 'loading' | 'preparing' | 'active' | 'draining' | 'retired' | 'failed';

/** Makes something visible to others and returns what takes it back. */
export interface Registration {
  readonly label: string;
  readonly register: () => () => void;
  /** Stays visible while the generation drains after it was withdrawn. */
  readonly untilRetired?: boolean;
  /** Called once the whole switch has succeeded. */
  readonly settle?: () => void;
}

/** How long the resources of a retiring generation may take to be released. */
export const RETIRE_TIMEOUT_MS = 10_000;

/** What a generation is made from. */
export interface GenerationParts {
  readonly number: number;
  readonly bundle: Bundle;
  readonly loaded: LoadedPlugin;
  /** Folder whose node_modules the plugin's packages come from. */
  readonly folder: string;
  readonly log: Log;
  /** Takes everything the generation acquires; holds already what goes with its code. */
  readonly scope: Scope;
  readonly settings: unknown;
  readonly container: DependencyContainer;
  readonly makeContext: (generation: Generation) => PluginContext;
  readonly onFault: (generation: Generation, error: unknown) => void;
}

/** One loaded version of a plugin with everything it owns: `rtmp@7`. */
export class Generation implements SessionOwner {
  readonly label: string;
  readonly number: number;
  readonly bundle: Bundle;
  readonly folder: string;
  readonly manifest: PluginManifest;
  readonly definition: PluginDefinition;
  readonly scope: Scope;
  readonly log: Log;
  readonly sessions = new Set<PluginSession>();
  readonly startedAtMs = Date.now();
  /** Whose code the callbacks of this generation's listeners and connections are. */
  readonly owner: Owner = { run: (work) => this.run(work), onFault: (error) => this.fault(error) };
  settings: unknown;
  state: GenerationState = 'loading';
  readonly instance: PluginInstance;
  readonly #container: DependencyContainer;
  readonly #onFault: (generation: Generation, error: unknown) => void;
  #atSwitch: Registration[] = [];
  /** What is visible, in order. */
  readonly #shown = new Map<Registration, Held>();
  #onIdle: (() => void) | undefined;
  #retired: Promise<void> | undefined;
  readonly #context: PluginContext;

  constructor(parts: GenerationParts) {
    this.definition = parts.loaded.definition;
    this.manifest = this.definition.manifest;
    this.label = `${this.manifest.name}@${parts.number}`;
    this.number = parts.number;
    this.bundle = parts.bundle;
    this.folder = parts.folder;
    this.settings = parts.settings;
    this.scope = parts.scope;
    this.log = parts.log;
    this.#onFault = parts.onFault;
    this.#container = parts.container;
    registerClasses(this.#container, parts.loaded.classes);
    this.#context = parts.makeContext(this);
    this.#container.register(TOKENS.context, { useValue: this.#context });
    this.instance = this.#create();
  }

  /** Runs code of this generation, so that whatever goes wrong later is attributed to it. Throws what the code throws. */
  run<T>(work: () => T): T {
    return runAs(this.label, work);
  }

  /** Runs code of this generation; a throw is reported as its fault. */
  guard(work: () => void): void {
    try {
      this.run(work);
    } catch (error) {
      this.fault(error);
    }
  }

  /** What keeps it from serving in full; undefined when nothing does, or it can't say. */
  get trouble(): string | undefined {
    let trouble: string | undefined = undefined;
    this.guard(() => (trouble = this.instance.trouble?.()));
    return trouble;
  }

  /** Reports an error as a fault of this generation's code. */
  fault(error: unknown): void {
    this.#onFault(this, error);
  }

  /** Lets the plugin acquire what it needs. */
  async prepare(): Promise<void> {
    this.state = 'preparing';
    await this.run(() => this.instance.prepare?.(this.#context));
  }

  /**
   * Makes something visible to others: at the switch while the generation is prepared, at once afterwards. Taken back
   * when the scope closes.
   *
   * @throws WcsError SCOPE_E_CLOSED when it is too late: the generation has been withdrawn, or retired
   */
  atSwitch(registration: Registration): void {
    if (this.scope.closed || (this.state === 'draining' && registration.untilRetired !== true)) {
      throw new WcsError('SCOPE_E_CLOSED', `${this.label} is ${this.state}; ${registration.label} comes too late.`);
    }
    if (this.state !== 'active' && this.state !== 'draining') this.#atSwitch.push(registration);
    else {
      this.#show(registration);
      registration.settle?.();
    }
  }

  /** Takes no more care of a registration, whose resource has been released. */
  forget(registration: Registration): void {
    this.#atSwitch = this.#atSwitch.filter((other) => other !== registration);
    this.#shown.get(registration)?.detach();
    this.#shown.delete(registration);
  }

  /**
   * Starts to serve: `activate`, then every registration, in one synchronous block. When one throws, those before it
   * are taken back and the error goes on.
   */
  activate(): void {
    const shown: Held[] = [];
    try {
      this.run(() => this.instance.activate?.());
      for (const registration of this.#atSwitch) shown.push(this.#show(registration));
    } catch (error) {
      for (const held of shown.reverse()) void held.release();
      throw error;
    }
    for (const registration of this.#atSwitch) registration.settle?.();
    this.#atSwitch = [];
    this.state = 'active';
  }

  /** Takes back what it made visible: no new work comes, the sessions go on. Never throws. */
  withdraw(): void {
    this.state = 'draining';
    for (const [registration, held] of [...this.#shown].reverse()) {
      if (registration.untilRetired === true) continue;
      this.#shown.delete(registration);
      this.guard(() => void held.release());
    }
  }

  #create(): PluginInstance {
    const { name } = this.manifest;
    const created: unknown = this.run(() => {
      try {
        return this.definition.create(this.#context, this.#container);
      } catch (error) {
        throw error instanceof WcsError ? error : new WcsError('PLUGIN_E_FAULT', `Plugin ${name} threw in create(): ${messageOf(error)}`, { cause: error });
      }
    });
    // A plugin in JavaScript may return anything; a promise would be taken for an instance without any method.
    if (typeof created !== 'object' || created === null || created instanceof Promise) {
      throw new WcsError('PLUGIN_E_MANIFEST', `Plugin ${name}: create() must return the plugin's instance, an object with prepare() and the like, and not a promise.`);
    }
    return created;
  }

  #show(registration: Registration): Held {
    const held = this.scope.add(registration.label, registration.register());
    this.#shown.set(registration, held);
    return held;
  }

  forgetSession(session: PluginSession): void {
    this.sessions.delete(session);
    if (this.sessions.size === 0) this.#onIdle?.();
  }

  /** Resolves when no session is left, or when `signal` aborts. */
  idle(signal: AbortSignal): Promise<void> {
    if (this.sessions.size === 0 || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /**
   * Closes what is left with the protocol's own goodbye, and gives the code up. May be called again.
   *
   * @throws what releases threw, or WcsError PLUGIN_E_FAULT when they take longer than `RETIRE_TIMEOUT_MS`
   */
  retire(reason: string): Promise<void> {
    return (this.#retired ??= this.#retire(reason));
  }

  async #retire(reason: string): Promise<void> {
    const served = this.state === 'active' || this.state === 'draining';
    for (const session of [...this.sessions]) session.close(reason);
    try {
      await this.run(() => this.#closeInTime());
    } finally {
      this.state = served ? 'retired' : 'failed';
      await this.#container.dispose();
    }
  }

  /** A release that never ends must not keep the plugin from its next start, nor the server from its end. */
  async #closeInTime(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const left = this.scope.labels().join(', ') || 'the last release';
        reject(new WcsError('PLUGIN_E_FAULT', `${this.label} did not release its resources within ${RETIRE_TIMEOUT_MS / 1000} s; still held: ${left}.`));
      }, RETIRE_TIMEOUT_MS);
    });
    try {
      await Promise.race([this.scope.close(), late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
