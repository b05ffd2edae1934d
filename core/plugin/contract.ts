import type { z } from 'zod';
import type { DependencyContainer } from '../di/container.ts';
import type { PluginContext } from './context.ts';
import type { PluginSession } from './session.ts';

/** Facts about a plugin that the host checks before any of its code runs. */
export interface PluginManifest {
  /** Lower-case name, also its key under `plugins:` in wcs.yml. */
  readonly name: string;
  /** The plugin's own semantic version. */
  readonly version: string;
  /** Semver range on `PLUGIN_API_VERSION`; outside it the plugin is refused. */
  readonly apiVersion: string;
  /** Capabilities that must be provided by another active plugin. */
  readonly requires?: readonly string[];
  /** Capabilities or plugin names that start first when they are enabled at all. */
  readonly after?: readonly string[];
  /** Capabilities that this plugin registers with `ctx.capabilities.provide`. */
  readonly provides?: readonly string[];
  /** Default ports, for lists and documentation: `{ rtmp: 'tcp:1935' }`. */
  readonly ports?: Readonly<Record<string, string>>;
  /** Schema number of exported sessions; sessions move between two generations whose numbers are equal. */
  readonly handoff?: number;
  /** False for a plugin that runs only when `wcs.yml` says so. Default true. */
  readonly enabledByDefault?: boolean;
}

/** What `create` returns: the plugin at work. Release is not its business: everything came through the context. */
export interface PluginInstance<Settings = unknown> {
  /** Acquires listeners and registers; may fail, must not serve yet. Ends within `PREPARE_TIMEOUT_MS`. */
  prepare?(ctx: PluginContext<Settings>): Promise<void> | void;
  /** Starts to serve. Synchronous; must not throw. */
  activate?(): void;
  /**
   * Resolves when the last work is done. The host waits for the sessions by itself, or closes them when the server stops;
   * this is for anything beside them.
   */
  drain?(signal: AbortSignal): Promise<void>;
  /** What keeps it from serving in full although it serves, in one sentence for health checks; undefined when nothing does. */
  trouble?(): string | undefined;
  /** Takes new settings. `restart` asks for a swap with the same code. Default: `restart`. */
  reconfigure?(next: Settings): 'applied' | 'restart';
  /**
   * Plain data from which the next version continues this session, or undefined to let it drain here. Flushes what is
   * pending; otherwise leaves the session as it is, since the other side may still refuse it.
   */
  exportSession?(session: PluginSession): unknown;
  /** Continues a session of the previous version. A throw leaves the session with the previous version. */
  importSession?(session: PluginSession, data: unknown): void;
}

/** A plugin as its module exports it. */
export interface PluginDefinition<Schema extends z.ZodType = z.ZodType> {
  readonly manifest: PluginManifest;
  /** Zod schema of the plugin's settings; every setting should have a default. */
  readonly configSchema?: Schema;
  /** Builds the instance; no side effects here. */
  create(ctx: PluginContext<z.output<Schema>>, container: DependencyContainer): PluginInstance<z.output<Schema>>;
}

/**
 * Declares a plugin: `export default definePlugin({ manifest, configSchema, create })`.
 *
 * @example
 * export default definePlugin({
 *   manifest: { name: 'echo', version: '1.0.0', apiVersion: '^1.0.0' },
 *   create: (ctx) => ({
 *     async prepare() { await ctx.listen.tcp({ port: 7007 }, (connection) => echo(connection)); },
 *   }),
 * });
 */
export function definePlugin<Schema extends z.ZodType>(definition: PluginDefinition<Schema>): PluginDefinition<Schema> {
  return definition;
}

/** Version of everything exported from `wcs-core`; a breaking change raises the major number. */
export const PLUGIN_API_VERSION = '1.0.0';

/** How long `prepare` may take. */
export const PREPARE_TIMEOUT_MS = 10_000;

/** How long the previous version may go on with its sessions, unless the plugin's `drainMs` says otherwise. */
export const DEFAULT_DRAIN_MS = 30_000;
