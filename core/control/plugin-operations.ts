import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { WcsError } from '../errors/wcs-error.ts';
import type { Operations } from '../operations/operations.ts';
import { looseBoolean } from '../operations/loose.ts';
import type { PluginHost } from '../plugin/host.ts';
import type { Slot } from '../plugin/slot.ts';

const byName = z.object({ name: z.string().describe('Name of the plugin') });
const cli = { positional: ['name'] } as const;

/** One plugin as lists show it. */
export interface PluginRow {
  readonly name: string;
  readonly state: string;
  readonly version?: string | undefined;
  /** e.g. `rtmp@7`. */
  readonly generation?: string | undefined;
  readonly sessions: number;
  /** Sessions that finish with earlier versions. */
  readonly draining: number;
  readonly error?: string | undefined;
}

/** The row of one plugin. */
export function pluginRow(slot: Slot): PluginRow {
  return {
    name: slot.name,
    state: slot.state,
    version: slot.active?.manifest.version,
    generation: slot.active?.label,
    sessions: slot.active?.sessions.size ?? 0,
    draining: [...slot.draining].reduce((sum, generation) => sum + generation.sessions.size, 0),
    error: slot.error?.message,
  };
}

/** One plugin as `plugin.info` shows it: first what an operator asks, then what a developer does. */
function pluginInfo(slot: Slot, host: PluginHost): PluginRow & Readonly<Record<string, unknown>> {
  const { active } = slot;
  return {
    ...pluginRow(slot),
    startedAt: active === undefined ? undefined : new Date(active.startedAtMs).toISOString(),
    neededBy: host.dependants(slot.name),
    faultsInLastMinute: slot.faults.count(Date.now()),
    faultsSinceStart: slot.faultsSeen,
    canRollBack: slot.previousBundle() !== undefined,
    lastSwap: slot.lastSwap,
    earlierVersions: { draining: [...slot.draining].map((generation) => generation.label), inMemory: slot.uncollected },
    resources: active === undefined ? {} : countLabels(active.scope.labels()),
    source: slot.source?.entry,
    hash: active?.bundle.hash,
    manifest: active?.manifest,
  };
}

/** How many of each kind; ten thousand sessions are one line. */
function countLabels(labels: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const label of labels) {
    const kind = label.startsWith('scope session ') ? 'sessions' : label;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** `plugin.*`: the one way to turn plugins on and off and to swap their code. */
export function registerPluginOperations(operations: Operations, host: PluginHost, config: Config): void {
  operations.register({
    name: 'plugin.list',
    summary: 'Plugins and their states',
    role: 'viewer',
    input: z.object({}),
    handler: () => host.slots.map(pluginRow),
  });
  operations.register({
    name: 'plugin.info',
    summary: 'Everything about one plugin',
    role: 'viewer',
    input: byName,
    cli,
    handler: ({ name }) => pluginInfo(host.slot(name), host),
  });
  registerSwitches(operations, host, config);
  registerSwaps(operations, host);
}

function registerSwitches(operations: Operations, host: PluginHost, config: Config): void {
  const change = async (name: string, enabled: boolean): Promise<PluginRow> => {
    const slot = host.slot(name);
    // A change of the configuration reaches the host by itself; a plugin that should run and does not gets another try.
    const changes = await config.set(`plugins.${name}.enabled`, enabled);
    if (changes.length === 0) await host.applyConfig(name);
    else await host.settled(name);
    return pluginRow(slot);
  };
  operations.register({
    name: 'plugin.enable',
    summary: 'Start a plugin, now and at every start',
    role: 'admin',
    input: byName,
    cli,
    handler: ({ name }) => change(name, true),
  });
  operations.register({
    name: 'plugin.disable',
    summary: 'Drain and stop a plugin, now and at every start',
    role: 'admin',
    input: byName.extend({ cascade: looseBoolean().default(false).describe('Also stop the plugins that need it') }),
    cli,
    handler: async ({ name, cascade }) => {
      const dependants = host.dependants(name);
      if (dependants.length > 0 && !cascade) {
        throw new WcsError('PLUGIN_E_REQUIRED', `Plugin ${name} is needed by ${dependants.join(', ')}; disable these first or say cascade.`);
      }
      for (const dependant of dependants) await change(dependant, false);
      return change(name, false);
    },
  });
}

function registerSwaps(operations: Operations, host: PluginHost): void {
  const swap = async (name: string, work: Promise<string>): Promise<unknown> => {
    const outcome = await work;
    return { outcome, ...pluginRow(host.slot(name)), lastSwap: host.slot(name).lastSwap };
  };
  operations.register({
    name: 'plugin.reload',
    summary: 'Build a plugin anew and swap it in under its live sessions',
    role: 'admin',
    input: byName,
    cli,
    handler: ({ name }) => swap(name, host.reload(name)),
  });
  operations.register({
    name: 'plugin.rollback',
    summary: 'Swap the previous code of a plugin in again',
    role: 'admin',
    input: byName,
    cli,
    handler: ({ name }) => swap(name, host.rollback(name)),
  });
}
