import type { PluginHost } from '../plugin/host.ts';

/** Health of one plugin. */
export interface PluginHealth {
  readonly name: string;
  readonly state: string;
  readonly generation?: string;
  /** Why it does not serve, or why the last change of it failed. */
  readonly error?: string;
  /** What keeps it from serving in full. */
  readonly trouble?: string;
}

/** `starting` until every enabled plugin is settled, then `ok`, or `degraded` while one does not serve, or not in full. */
export interface Health {
  readonly status: 'starting' | 'ok' | 'degraded' | 'stopping';
  readonly version: string;
  readonly uptimeMs: number;
  readonly plugins: readonly PluginHealth[];
}

/** Whether the server serves, for health checks. */
export class KernelStatus {
  phase: 'starting' | 'running' | 'stopping' = 'starting';
  readonly #host: () => PluginHost;
  readonly #version: string;
  readonly #startedAtMs = performance.now();

  /** @param host asked late: the status exists before the plugins do */
  constructor(host: () => PluginHost, version: string) {
    this.#host = host;
    this.#version = version;
  }

  health(): Health {
    const plugins = this.#host().slots.filter((slot) => slot.state !== 'disabled').map((slot): PluginHealth => {
      const trouble = slot.active?.trouble;
      return {
        name: slot.name,
        state: slot.state,
        ...(slot.active === undefined ? {} : { generation: slot.active.label }),
        ...(slot.error === undefined ? {} : { error: slot.error.message }),
        ...(trouble === undefined ? {} : { trouble }),
      };
    });
    const allServe = plugins.every((plugin) => plugin.state === 'active' && plugin.trouble === undefined);
    const status = this.phase === 'running' ? (allServe ? 'ok' : 'degraded') : this.phase;
    return { status, version: this.#version, uptimeMs: Math.round(performance.now() - this.#startedAtMs), plugins };
  }
}
