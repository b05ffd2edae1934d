/**
 * What a plugin may import from the kernel, as `wcs-core`. Everything here is covered by `PLUGIN_API_VERSION`.
 */
export { definePlugin, PLUGIN_API_VERSION } from './plugin/contract.ts';
export type { PluginDefinition, PluginInstance, PluginManifest } from './plugin/contract.ts';
export type { PluginContext, SessionWish } from './plugin/context.ts';
export type { PluginSession } from './plugin/session.ts';
export type { Cancel, ScopedTimers } from './plugin/scoped-timers.ts';

export { inject, injectable } from './di/container.ts';
export type { DependencyContainer } from './di/container.ts';
export { TOKENS } from './di/tokens.ts';

export { messageOf, ProtocolError, WcsError } from './errors/wcs-error.ts';
export { ERRORS, type ErrorCode, type ErrorKind } from './errors/codes.ts';
export type { Log, LogLevel } from './log/log.ts';
export { Scope, type Held } from './scope/scope.ts';
