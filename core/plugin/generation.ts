import type { DependencyContainer } from '../di/container.ts';
import { registerClasses } from '../di/container.ts';
import { TOKENS } from '../di/tokens.ts';
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
interface Registration {
  readonly label: string;
  readonly register: () => () => void;
  /** Stays visible while the generation drains after it was withdrawn. */
  readonly untilRetired: boolean;
}

/** What a generation is made from. */
export interface GenerationParts {
  readonly number: number;
  readonly bundle: Bundle;
  readonly loaded: LoadedPlugin;
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
  #withdrawable: Held[] = [];
  #onIdle: (() => void) | undefined;
  readonly #context: PluginContext;

  constructor(parts: GenerationParts) {
    this.definition = parts.loaded.definition;
    this.manifest = this.definition.manifest;
    this.label = `${this.manifest.name}@${parts.number}`;
    this.number = parts.number;
    this.bundle = parts.bundle;
    this.settings = parts.settings;
    this.scope = parts.scope;
    this.log = parts.log;
    this.#onFault = parts.onFault;
    this.#container = parts.container;
    registerClasses(this.#container, parts.loaded.classes);
    this.#context = parts.makeContext(this);
    this.#container.register(TOKENS.context, { useValue: this.#context });
    this.instance = this.run(() => this.definition.create(this.#context, this.#container));
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
   */
  atSwitch(label: string, register: () => () => void, untilRetired = false): void {
    const registration = { label, register, untilRetired };
    if (this.state === 'active' || this.state === 'draining') this.#show(registration);
    else this.#atSwitch.push(registration);
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
    this.#atSwitch = [];
    this.state = 'active';
  }

  /** Takes back what it made visible: no new work comes, the sessions go on. */
  withdraw(): void {
    for (const held of this.#withdrawable.reverse()) void held.release();
    this.#withdrawable = [];
  }

  #show({ label, register, untilRetired }: Registration): Held {
    const held = this.scope.add(label, register());
    if (!untilRetired) this.#withdrawable.push(held);
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

  /** Closes what is left with the protocol's own goodbye, and gives the code up. */
  async retire(reason: string): Promise<void> {
    for (const session of [...this.sessions]) session.close(reason);
    try {
      await this.scope.close();
    } finally {
      await this.#container.dispose();
      this.state = this.state === 'preparing' || this.state === 'loading' ? 'failed' : 'retired';
    }
  }
}
