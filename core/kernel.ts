import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import * as zod from 'zod';
import { Access } from './access/access.ts';
import { parseStreamName } from './access/stream-name.ts';
import * as api from './api.ts';
import { Users } from './config/users.ts';
import { Config } from './config/config.ts';
import { registerKernelMetrics } from './control/kernel-metrics.ts';
import { registerOperations } from './control/register.ts';
import { createKernelContainer, type DependencyContainer } from './di/container.ts';
import { TOKENS } from './di/tokens.ts';
import { createRootLog } from './log/root-log.ts';
import type { RootLog } from './log/log.ts';
import { MediaBus } from './media/media-bus.ts';
import { Metrics } from './metrics/metrics.ts';
import { Certificates } from './net/certificates.ts';
import { Listeners } from './net/listeners.ts';
import { PortRanges } from './net/port-ranges.ts';
import { Operations } from './operations/operations.ts';
import { Capabilities } from './plugin/capabilities.ts';
import type { KernelServices } from './plugin/context.ts';
import { PluginHost } from './plugin/host.ts';
import { discoverPlugins, discoverPrebuilt } from './plugin/plugin-source.ts';
import { superviseProcess } from './plugin/supervisor.ts';
import { PluginWatcher } from './plugin/watcher.ts';
import { Scope } from './scope/scope.ts';
import { Sessions } from './sessions/sessions.ts';

/** How a kernel is started. */
export interface KernelOptions {
  /** Absolute folder of the installation. */
  readonly root: string;
  /** Absolute folder of generated secrets, certificate, host key and run-time settings. */
  readonly stateDir: string;
  /** Absolute path of wcs.yml; by default `wcs.yml` in the working folder when there is one. */
  readonly configFile?: string;
  /** Watch the plugins' sources and swap them when they change. */
  readonly dev?: boolean;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Takes the lines meant for the person who started the server. */
  readonly print?: (line: string) => void;
}
