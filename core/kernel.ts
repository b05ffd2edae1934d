import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import * as zod from 'zod';
import { Access } from './access/access.ts';
import { parseStreamName } from './access/stream-name.ts';
import { Targets } from './access/targets.ts';
import * as api from './api.ts';
import { Config } from './config/config.ts';
import type { Change } from './config/diff.ts';
import { formatProblem } from './config/problem.ts';
import { Users } from './config/users.ts';
import { registerKernelMetrics } from './control/kernel-metrics.ts';
import { registerLogOperations } from './control/log-operations.ts';
import { registerPluginOperations } from './control/plugin-operations.ts';
import { registerServerOperations } from './control/server-operations.ts';
import { registerSessionOperations } from './control/session-operations.ts';
import { KernelStatus } from './control/status.ts';
import { registerStreamOperations } from './control/stream-operations.ts';
import { createKernelContainer, type DependencyContainer } from './di/container.ts';
import { TOKENS } from './di/tokens.ts';
import { messageOf } from './errors/wcs-error.ts';
import type { RootLog } from './log/log.ts';
import { rateLimited } from './log/rate-limited.ts';
import { createRootLog } from './log/root-log.ts';
import { BatchWindow } from './media/batch-window.ts';
import { MediaBus } from './media/media-bus.ts';
import { rtpConverters } from './media/rtp-converters.ts';
import { RtpFanouts } from './media/rtp-fanouts.ts';
import type { MediaClock, MediaTimers } from './media/runtime.ts';
import { Metrics } from './metrics/metrics.ts';
import { Certificates } from './net/certificates.ts';
import { Dialler } from './net/dialler.ts';
import { RtpPortPairs } from './net/rtp-port-pairs.ts';
import { UdpBatches } from './net/udp-batches.ts';
import { Listeners } from './net/listeners.ts';
import { PortRanges } from './net/port-ranges.ts';
import { Operations } from './operations/operations.ts';
import { Capabilities } from './plugin/capabilities.ts';
import type { KernelServices } from './plugin/create-context.ts';
import { PluginHost } from './plugin/host.ts';
import { discoverPlugins, discoverPrebuilt } from './plugin/plugin-source.ts';
import { superviseProcess } from './plugin/supervisor.ts';
import { PluginWatcher } from './plugin/watcher.ts';
import { useNativeX25519 } from './rtp/dtls/native-x25519.ts';
import { createFanoutEngine } from './rtp/fanout/create.ts';
import type { FanoutEngine } from './rtp/fanout/engine.ts';
import { Scope } from './scope/scope.ts';
import { WebRoutes } from './web/web-routes.ts';
import { Sessions } from './sessions/sessions.ts';

/** The same warning of a listener is written once in this time, with a count. */
const LOG_PERIOD_MS = 10_000;

/** How a kernel is started. */
export interface KernelOptions {
  /** Absolute folder of the installation. */
  readonly root: string;
  /** Absolute folder of generated secrets, certificate, host key and run-time settings. */
  readonly stateDir: string;
  /** Absolute path of wcs.yml; by default `wcs.yml` in the working folder, if there is one. */
  readonly configFile?: string;
  /** Watch the plugins' sources and swap them when they change. */
  readonly dev?: boolean;
  /** Folder that relative plugin paths and plugins' npm packages are looked up from; by default the working folder. */
  readonly packagesFrom?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Takes the lines meant for the person who started the server. */
  readonly print?: (line: string) => void;
  /** Takes the log lines instead of standard output. */
  readonly writeLog?: (line: string) => void;
}

/** What the kernel consists of, before the plugins. */
interface KernelParts extends KernelServices {
  readonly log: RootLog;
  readonly config: Config;
  readonly users: Users;
  readonly batchWindow: BatchWindow;
  readonly udpBatches: UdpBatches | undefined;
}

/** The composition root: makes every room of the kernel, starts the plugins, and takes all down again. */
export class Kernel {
  readonly parts: KernelParts;
  readonly host: PluginHost;
  readonly status: KernelStatus;
  readonly #options: KernelOptions;
  readonly #scope = new Scope('kernel');

  private constructor(options: KernelOptions, parts: KernelParts) {
    this.#options = options;
    this.parts = parts;
    const { root } = options;
    this.status = new KernelStatus(() => this.host, versionOf(root));
    const folders = [join(root, 'plugins'), ...parts.config.kernel.pluginFolders.map((folder) => resolve(folder))];
    // The last of a name counts: in a checkout the sources win over what was built from them.
    const sources = [...discoverPrebuilt(join(root, 'dist', 'plugins')), ...folders.flatMap(discoverPlugins)];
    this.host = new PluginHost({
      services: parts,
      config: parts.config,
      container: containerOf(parts, this.status),
      hostModules: new Map<string, unknown>([['wcs-core', api], ['zod', zod]]),
      log: parts.log.child({ component: 'plugins' }),
      sources,
      librariesFolder: librariesOf(root),
      packagesFrom: options.packagesFrom ?? process.cwd(),
    });
    this.#registerControl();
  }

  /**
   * Makes a kernel that serves nothing yet.
   *
   * @throws WcsError CONFIG_E_INVALID, CONFIG_E_UNREADABLE or NET_E_TLS, saying what to mend
   */
  static async create(options: KernelOptions): Promise<Kernel> {
    // V8 would keep the text of every plugin version in its compilation cache.
    setFlagsFromString('--no-compilation-cache');
    return new Kernel(options, await makeParts(options));
  }

  /** Starts every enabled plugin and tells where they listen. */
  async start(): Promise<void> {
    const { config, log } = this.parts;
    superviseProcess(this.host, log, this.#scope);
    const unwatch = config.watch(
      (changes) => this.#onConfigChange(changes),
      (problems) => log.error('wcs.yml is not valid; nothing was changed', { problems: problems.map(formatProblem) }),
    );
    this.#scope.add('configuration watch', unwatch);
    await this.host.startAll();
    // The server may have been told to stop while its plugins were starting.
    if (this.#isStopping()) return;
    this.status.phase = 'running';
    if (this.#options.dev === true) await this.#watchPlugins();
    this.#printSummary();
  }

  /** Drains the plugins and releases everything. */
  async stop(): Promise<void> {
    this.status.phase = 'stopping';
    await this.host.stopAll();
    this.parts.media.close('server stop');
    this.parts.dialler.closeAll();
    this.parts.rtpPairs.closeAll();
    await this.parts.listeners.closeAll();
    this.parts.batchWindow.close();
    this.parts.rtpEngine.close();
    await this.#scope.close();
  }

  #isStopping(): boolean {
    return this.status.phase === 'stopping';
  }

  #registerControl(): void {
    const { operations, metrics, sessions, media, ports, log, config } = this.parts;
    registerPluginOperations(operations, this.host, config);
    registerSessionOperations(operations, sessions);
    registerStreamOperations(operations, media, sessions);
    registerLogOperations(operations, log);
    registerServerOperations(operations, this.parts);
    registerKernelMetrics({ metrics, sessions, media, ports, dialler: this.parts.dialler, host: this.host, rtpEngine: this.parts.rtpEngine, udpBatches: this.parts.udpBatches, scope: this.#scope });
  }

  #onConfigChange(changes: readonly Change[]): void {
    const { log } = this.parts;
    const plugins = new Set<string>();
    for (const { path } of changes) {
      const [section, name] = path.split('.');
      if (section === 'plugins' && name !== undefined) plugins.add(name);
      else if (section === 'log') log.setLevel(this.parts.config.kernel.log.level);
      else log.warn(`${path} changed; restart the server to use it.`);
    }
    for (const name of plugins) {
      this.host.applyConfig(name).catch((error: unknown) => log.debug(messageOf(error)));
    }
  }

  async #watchPlugins(): Promise<void> {
    const { root } = this.#options;
    const watcher = new PluginWatcher(this.host, this.parts.log, join(root, 'core'), this.host.folders());
    this.#scope.add('plugin watch', () => watcher.close());
    await watcher.ready();
  }

  /** What a person wants to know after the start: where to connect, and what does not serve and why. */
  #printSummary(): void {
    const { print } = this.#options;
    if (print === undefined) return;
    const { users, config, listeners } = this.parts;
    print(`WCS Core ${this.status.health().version} is running. State: ${this.#options.stateDir}`);
    for (const { key, name } of listeners.list()) print(`  ${(name ?? '').padEnd(10)} ${key}`);
    for (const slot of this.host.slots) if (slot.error !== undefined) print(`  ${slot.name.padEnd(10)} NOT SERVING: ${slot.error.message}`);
    const http = listeners.list().find(({ name, key }) => name === 'http' && key.startsWith('http:'));
    if (http !== undefined) print(`  Dashboard and REST: http://localhost:${http.key.split(':').at(-1) ?? ''}/  user ${config.kernel.admin.user}`);
    if (users.generatedPassword !== undefined) print(`  Admin password (shown this once): ${users.generatedPassword}`);
  }
}

async function makeParts({ stateDir, configFile, env = {}, print, writeLog }: KernelOptions): Promise<KernelParts> {
  const config = await Config.load({ stateDir, env, file: configFile ?? resolve('wcs.yml'), fileRequired: configFile !== undefined });
  const { kernel } = config;
  const log = createRootLog({ level: kernel.log.level, pretty: print !== undefined && process.stdout.isTTY, ...(writeLog === undefined ? {} : { write: writeLog }) });
  const { cert, key } = kernel.tls;
  const certificates = await Certificates.open({ dir: stateDir, log, ...(cert === undefined || key === undefined ? {} : { certFile: resolve(cert), keyFile: resolve(key) }) });
  const users = await Users.open({ stateDir, adminUser: kernel.admin.user, env });
  const { quarantineMs, ...ranges } = kernel.ports;
  const batchWindow = new BatchWindow(timers);
  const rtpEngine = createFanoutEngine({ tier: kernel.network.rtpEngine, log: log.child({ component: 'rtp' }) });
  useNativeX25519();
  const netLog = rateLimited(log.child({ component: 'net' }), LOG_PERIOD_MS);
  const udpBatches = rtpEngine.udp && new UdpBatches(rtpEngine.udp);
  const listeners = new Listeners({ log: netLog, certificates, batches: udpBatches });
  const ports = new PortRanges(ranges, { quarantineMs, boundPorts: () => listeners.boundPorts() });
  return {
    config,
    log,
    users,
    certificates,
    rtpEngine,
    listeners,
    ports,
    dialler: new Dialler(ports),
    rtpPairs: new RtpPortPairs({ ports, host: kernel.network.host, batches: udpBatches }),
    targets: new Targets(() => config.kernel.network),
    media: makeBus(config, log),
    fanout: { clock, timers, windowMs: () => batchWindow.ms },
    rtpFanouts: makeRtpFanouts(rtpEngine, log),
    batchWindow,
    udpBatches,
    operations: new Operations(),
    web: new WebRoutes(),
    metrics: new Metrics((name, error) => log.error(`Metric ${name} cannot be read: ${messageOf(error)}`)),
    sessions: new Sessions(),
    access: new Access({ log }),
    capabilities: new Capabilities(),
    host: kernel.network.host,
    stateDir,
  };
}

/** Timers of the kernel: none of them keeps the process alive. */
const timers: MediaTimers = {
  after: (delayMs, work) => {
    const timer = setTimeout(work, delayMs).unref();
    return () => clearTimeout(timer);
  },
};

const clock: MediaClock = { nowMs: () => performance.now() };

function makeRtpFanouts(engine: FanoutEngine, log: RootLog): RtpFanouts {
  return new RtpFanouts({
    clock,
    timers,
    defer: (work) => void setImmediate(work),
    engine,
    onFault: (error, label) => log.error(`Fault in ${label}: ${messageOf(error)}`, { err: error }),
  });
}

function makeBus({ kernel: { media } }: Config, log: RootLog): MediaBus {
  const bus = new MediaBus({
    clock,
    timers,
    log: log.child({ component: 'media' }),
    onFault: (error, label) => log.error(`Fault in ${label}: ${messageOf(error)}`, { err: error }),
    validateName: parseStreamName,
    settings: {
      graceMs: media.publisherGraceMs,
      gopMaxFrames: media.gopCacheFrames,
      gopMaxBytes: media.gopCacheBytes,
      readerLimits: { maxBacklogMs: media.readerMaxDelayMs, maxBacklogBytes: media.readerMaxBytes, disconnectAfterMs: media.readerFullMs },
    },
  });
  for (const converter of rtpConverters()) bus.registerConverter(converter);
  return bus;
}

function containerOf(parts: KernelParts, status: KernelStatus): DependencyContainer {
  const container = createKernelContainer();
  const values: readonly (readonly [symbol, unknown])[] = [
    [TOKENS.mediaBus, parts.media],
    [TOKENS.operations, parts.operations],
    [TOKENS.metrics, parts.metrics],
    [TOKENS.sessions, parts.sessions],
    [TOKENS.rootLog, parts.log],
    [TOKENS.users, parts.users],
    [TOKENS.status, status],
  ];
  for (const [token, useValue] of values) container.register(token, { useValue });
  return container;
}

/** The pure libraries: sources in a checkout, modules in an installed package. */
function librariesOf(root: string): string {
  const sources = join(root, 'core');
  return existsSync(join(sources, 'formats')) ? sources : join(root, 'dist');
}

function versionOf(root: string): string {
  const file = join(root, 'package.json');
  if (!existsSync(file)) return 'unknown';
  const parsed: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return zod.object({ version: zod.string() }).parse(parsed).version;
}
