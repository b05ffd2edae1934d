/** How the server is doing, as the kernel tells it. */
export interface KernelStatus {
  health(): Health;
}

/** `starting` until every enabled plugin is active or has failed; `degraded` when one has failed. */
export interface Health {
  readonly status: 'ok' | 'degraded' | 'starting';
  readonly version: string;
  readonly uptimeMs: number;
  readonly plugins: readonly PluginHealth[];
}

/** One plugin. */
export interface PluginHealth {
  readonly name: string;
  readonly state: string;
  /** e.g. `rtmp@7`. */
  readonly generation?: string | undefined;
  readonly error?: unknown;
}
