import { resolve } from 'node:path';
import type { Config } from '../config/config.ts';
import { WcsError } from '../errors/wcs-error.ts';
import { pluginFromFolder, pluginFromPackage, type PluginSource } from './plugin-source.ts';

/** Where each plugin's code is now: with the server, or where `path` or `package` in wcs.yml says, which comes first. */
export class PluginCatalog {
  readonly #config: Config;
  readonly #atHand: ReadonlyMap<string, PluginSource>;
  readonly #from: string;

  /**
   * @param atHand plugins that need no setting; of two with one name the later counts
   * @param from folder that relative paths and npm packages are looked up from
   */
  constructor(config: Config, atHand: readonly PluginSource[], from: string) {
    this.#config = config;
    this.#atHand = new Map(atHand.map((source) => [source.name, source]));
    this.#from = from;
  }

  /** Every plugin whose code is said to be somewhere. */
  names(): string[] {
    const configured = [...this.#config.plugins().keys()].filter((name) => this.has(name));
    return [...new Set([...this.#atHand.keys(), ...configured])].sort();
  }

  has(name: string): boolean {
    const { path, package: packageName } = this.#config.plugin(name);
    return path !== undefined || packageName !== undefined || this.#atHand.has(name);
  }

  /** @throws WcsError PLUGIN_E_NOT_FOUND saying where it was looked for */
  find(name: string): PluginSource {
    const { path, package: packageName } = this.#config.plugin(name);
    if (path !== undefined) return pluginFromFolder(name, resolve(this.#from, path));
    if (packageName !== undefined) return pluginFromPackage(name, packageName, this.#from);
    const source = this.#atHand.get(name);
    if (source !== undefined) return source;
    throw new WcsError('PLUGIN_E_NOT_FOUND', `There is no plugin ${name}. Plugins: ${this.names().join(', ')}.`);
  }
}
