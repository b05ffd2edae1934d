import { WcsError } from '../errors/wcs-error.ts';

/**
 * What plugins offer each other by name. A user holds a proxy that asks for the provider at each call, so that the
 * provider can be swapped without its users being restarted, and no user keeps an old provider's code alive.
 */
export class Capabilities {
  /** Newest provider last. */
  readonly #providers = new Map<string, object[]>();

  /** Offers `implementation` under `name` until the returned function is called; the newest offer serves. */
  provide(name: string, implementation: object): () => void {
    const offers = this.#providers.get(name) ?? [];
    offers.push(implementation);
    this.#providers.set(name, offers);
    return () => {
      const index = offers.indexOf(implementation);
      if (index >= 0) offers.splice(index, 1);
    };
  }

  /** Whether anybody provides `name` now. */
  has(name: string): boolean {
    return (this.#providers.get(name)?.length ?? 0) > 0;
  }

  /**
   * A proxy whose methods are those of the provider at the time of each call. `T` must consist of methods.
   * A call without a provider throws WcsError PLUGIN_E_REQUIRES.
   */
  get<T extends object>(name: string): T {
    const methodOf = (key: PropertyKey) => {
      return (...parameters: unknown[]): unknown => {
        const provider = this.#providers.get(name)?.at(-1);
        const method: unknown = provider === undefined ? undefined : Reflect.get(provider, key);
        if (typeof method !== 'function') {
          throw new WcsError('PLUGIN_E_REQUIRES', `No enabled plugin provides ${name}.${String(key)}; enable one that does.`);
        }
        return Reflect.apply(method, provider, parameters);
      };
    };
    return new Proxy<T>(Object.create(null) as T, { get: (_target, key) => methodOf(key) });
  }
}
