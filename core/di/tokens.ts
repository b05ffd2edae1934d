/**
 * Names of what the kernel registers for injection. `Symbol.for` makes a token equal across versions of a plugin's code.
 * Use as `@inject(TOKENS.context) context: PluginContext`.
 */
export const TOKENS = {
  /** `PluginContext` of the generation that asks. */
  context: Symbol.for('wcs.plugin-context'),
  /** `MediaBus`. */
  mediaBus: Symbol.for('wcs.media-bus'),
  /** `Operations`: every operation of kernel and plugins. */
  operations: Symbol.for('wcs.operations'),
  /** `Metrics`. */
  metrics: Symbol.for('wcs.metrics'),
  /** `Sessions`: the registry of all plugins' sessions. */
  sessions: Symbol.for('wcs.sessions'),
  /** `RootLog`: levels and the tail of the log. */
  rootLog: Symbol.for('wcs.root-log'),
  /** `Users`: who may administer the server. */
  users: Symbol.for('wcs.users'),
  /** `KernelStatus`: health and version. */
  status: Symbol.for('wcs.status'),
} as const;
