import { WcsError } from '../errors/wcs-error.ts';
import { runDirectly, type Run } from '../net/owner.ts';

interface Offer {
  readonly implementation: object;
  readonly run: Run;
}

/**
 * What plugins offer each other by name. A user holds a proxy that asks for the provider at each call, so that the
 * provider can be swapped without its users being restarted, and no user keeps an old provider's code alive.
 */
export class Capabilities {
  /** Newest provider last. */
  readonly #offers = new Map<string, readonly Offer[]>();

  /**
   * Offers `implementation` under `name` until the returned function is called; the newest offer serves.
   *
   * @param run wraps each call, so that it counts as the provider's code
   */
  provide(name: string, implementation: object, run: Run = runDirectly): () => void {
    const offer: Offer = { implementation, run };
    this.#offers.set(name, [...(this.#offers.get(name) ?? []), offer]);
    return () => {
      const rest = (this.#offers.get(name) ?? []).filter((other) => other !== offer);
      if (rest.length === 0) this.#offers.delete(name);
      else this.#offers.set(name, rest);
    };
  }

  /** Whether anybody provides `name` now. */
  has(name: string): boolean {
    return this.#offers.has(name);
  }

  /**
   * A proxy whose methods are those of the provider at the time of each call. `T` must consist of methods.
   * A call without a provider, or of a method that the provider lacks, throws WcsError PLUGIN_E_REQUIRES.
   */
  get<T extends object>(name: string): T {
    const methodOf = (key: string) => {
      return (...parameters: unknown[]): unknown => {
        const offer = this.#offers.get(name)?.at(-1);
        if (offer === undefined) throw new WcsError('PLUGIN_E_REQUIRES', `No enabled plugin provides ${name}.${key}; enable one that does.`);
        const method: unknown = Reflect.get(offer.implementation, key);
        if (typeof method !== 'function') throw new WcsError('PLUGIN_E_REQUIRES', `What is provided as ${name} has no method ${key}.`);
        return offer.run((): unknown => Reflect.apply(method, offer.implementation, parameters));
      };
    };
    // With a `then` it would be taken for a promise by whoever awaits it or returns it from an async function.
    const get = (_target: T, key: string | symbol): unknown => (typeof key === 'symbol' || key === 'then' ? undefined : methodOf(key));
    return new Proxy<T>(Object.create(null) as T, { get });
  }
}
