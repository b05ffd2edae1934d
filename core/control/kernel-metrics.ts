import { cpus, freemem, loadavg, totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { MediaBus } from '../media/media-bus.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Dialler } from '../net/dialler.ts';
import { RANGE_NAMES, type PortRanges } from '../net/port-ranges.ts';
import type { UdpBatches } from '../net/udp-batches.ts';
import type { PluginHost } from '../plugin/host.ts';
import type { FanoutEngine } from '../rtp/fanout/engine.ts';
import type { Scope } from '../scope/scope.ts';
import type { Sessions } from '../sessions/sessions.ts';

/** What the kernel's own metrics look at. */
export interface KernelMetricParts {
  readonly metrics: Metrics;
  readonly sessions: Sessions;
  readonly media: MediaBus;
  readonly ports: PortRanges;
  readonly dialler: Dialler;
  readonly host: PluginHost;
  readonly rtpEngine: FanoutEngine;
  readonly udpBatches: UdpBatches | undefined;
  readonly scope: Scope;
}

/** Registers what the kernel knows by itself, under the WCS group names. */
export function registerKernelMetrics(parts: KernelMetricParts): void {
  const { metrics, sessions, media, ports, host } = parts;
  const gauge = (group: string, name: string, help: string, read: () => number): void => {
    metrics.gauge({ group, name, help, read });
  };
  gauge('connections_stats', 'connections', 'Client sessions of all protocols', () => sessions.list({ kind: 'client' }).length);
  gauge('connections_stats', 'connections_outgoing', 'Connections that this server opened', () => parts.dialler.connections);
  gauge('streams_stats', 'streams_published', 'Streams on the media bus', () => media.streams().length);
  gauge('streams_stats', 'streams_viewers', 'Sessions that play a stream', () => sessions.list({ role: 'play' }).length);
  for (const range of RANGE_NAMES) {
    // The statistics page of a WCS calls the agents' range so.
    const prefix = `ports_${range === 'agents' ? 'wcs_agents' : range}`;
    gauge('port_stats', `${prefix}_free`, `Free ports of the range ${range}`, () => ports.counts(range).free);
    gauge('port_stats', `${prefix}_busy`, `Ports of the range ${range} in use`, () => ports.counts(range).busy);
    gauge('port_stats', `${prefix}_quarantine`, `Ports of the range ${range} that rest after use`, () => ports.counts(range).quarantined);
  }
  gauge('plugin_stats', 'plugins_active', 'Plugins that serve', () => host.slots.filter((slot) => slot.state === 'active').length);
  gauge('plugin_stats', 'plugins_failed', 'Plugins that are on but do not serve', () => host.slots.filter((slot) => slot.state === 'failed').length);
  gauge('plugin_stats', 'plugin_generations_uncollected', 'Retired plugin versions whose code is still in memory', () => host.slots.reduce((sum, slot) => sum + slot.uncollected, 0));
  const tier = [{ labels: { tier: parts.rtpEngine.tier }, value: 1 }];
  metrics.gauge({ group: 'core_stats', name: 'core_rtp_engine', help: 'What protects and sends RTP', read: () => tier });
  gauge('core_stats', 'core_udp_ports_batched', 'UDP ports that are read in batches, as much comes in', () => parts.udpBatches?.size ?? 0);
  registerProcessMetrics(parts.scope, gauge);
}

function registerProcessMetrics(scope: Scope, gauge: (group: string, name: string, help: string, read: () => number) => void): void {
  // Each look wakes the process up: ten a second cost an idle server a tenth of a percent of a core.
  const delay = monitorEventLoopDelay({ resolution: 100 });
  delay.enable();
  scope.add('event loop delay monitor', () => void delay.disable());
  gauge('core_stats', 'core_uptime_seconds', 'Seconds since the process started', () => Math.round(process.uptime()));
  gauge('core_stats', 'core_heap_used_bytes', 'JavaScript heap in use', () => process.memoryUsage().heapUsed);
  gauge('core_stats', 'core_rss_bytes', 'Resident memory of the process', () => process.memoryUsage().rss);
  gauge('core_stats', 'core_event_loop_delay_p99_ms', '99th percentile of the event loop delay', () => Number((delay.percentile(99) / 1e6).toFixed(3)));
  gauge('core_stats', 'core_cpu_seconds_total', 'Processor time of the process', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('system', 'system_cpu_count', 'Processor cores', () => cpus().length);
  gauge('system', 'system_load_average', 'Load average of the last minute', () => loadavg()[0] ?? 0);
  gauge('system', 'system_memory_total', 'Memory of the machine in bytes', () => totalmem());
  gauge('system', 'system_memory_free', 'Free memory of the machine in bytes', () => freemem());
}
