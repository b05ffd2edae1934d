import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Access } from '../access/access.ts';
import type { Targets } from '../access/targets.ts';
import { WcsError } from '../errors/wcs-error.ts';
import type { Log } from '../log/log.ts';
import type { MediaBus } from '../media/media-bus.ts';
import type { RtpFanouts } from '../media/rtp-fanouts.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Certificates } from '../net/certificates.ts';
import type { Connection } from '../net/connection.ts';
import type { Dialler, DialOptions } from '../net/dialler.ts';
import type { Lease } from '../net/lease.ts';
import type { Listeners } from '../net/listeners.ts';
import type { PortRanges } from '../net/port-ranges.ts';
import type { RtpPortPair } from '../net/rtp-port-pair.ts';
import type { RtpPortPairs } from '../net/rtp-port-pairs.ts';
import type { Operations } from '../operations/operations.ts';
import type { FanoutEngine } from '../rtp/fanout/engine.ts';
import type { Held, Scope } from '../scope/scope.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { WebRoutes } from '../web/web-routes.ts';
import type { Capabilities } from './capabilities.ts';
import type { PluginContext, SessionWish } from './context.ts';
import type { Generation, Registration } from './generation.ts';
import { ScopedMedia, type FanoutRuntime, type Register } from './scoped-media.ts';
import { ScopedTimers } from './scoped-timers.ts';
import { PluginSession } from './session.ts';
import { spawnInScope, spawnModuleInScope } from './spawn.ts';

/** The kernel's services that contexts are made from. */
export interface KernelServices {
  readonly log: Log;
  readonly listeners: Listeners;
  readonly dialler: Dialler;
  readonly targets: Targets;
  readonly ports: PortRanges;
  readonly rtpPairs: RtpPortPairs;
  readonly certificates: Certificates;
  readonly rtpEngine: FanoutEngine;
  readonly media: MediaBus;
  /** Clock, timers and batching window for fan-outs. */
  readonly fanout: Omit<FanoutRuntime, 'onFault'>;
  readonly rtpFanouts: RtpFanouts;
  readonly operations: Operations;
  readonly web: WebRoutes;
  readonly metrics: Metrics;
  readonly sessions: Sessions;
  readonly access: Access;
  readonly capabilities: Capabilities;
  /** Address that listeners bind when the plugin names none. */
  readonly host: string;
  readonly stateDir: string;
}

/** Makes the context of one generation. */
export function createContext(generation: Generation, services: KernelServices): PluginContext {
  const { manifest, scope, log } = generation;
  const register: Register = (label, work) => generation.atSwitch({ label, register: work });
  const { run } = generation.owner;
  return {
    plugin: { name: manifest.name, version: manifest.version, generation: generation.label },
    get settings() {
      return generation.settings;
    },
    log,
    scope,
    timers: new ScopedTimers(scope, (work) => generation.guard(work)),
    media: new ScopedMedia(services.media, scope, generation.owner, register, { ...services.fanout, onFault: (error) => generation.fault(error) }, services.rtpFanouts),
    listen: listenOf(generation, services),
    connect: connectOf(generation, services),
    targets: services.targets,
    ports: {
      single: (range, owner = scope) => portInScope(owner, services.ports.single(range)),
      pair: (range, owner = scope) => portInScope(owner, services.ports.pair(range)),
    },
    operations: operationsOf(generation, services, register),
    web: {
      route: (route) => register(`web route ${route.prefix}`, () => services.web.register({ ...route, handle: (request) => run(() => route.handle(request)) })),
      find: (path) => services.web.find(path),
    },
    metrics: {
      gauge: (definition) => register(`gauge ${definition.name}`, () => services.metrics.gauge({ ...definition, read: () => run(() => definition.read()) })),
      counter: (definition) => services.metrics.counter(definition),
      histogram: (definition) => services.metrics.histogram(definition),
    },
    sessions: { open: (wish) => openSession(generation, services, wish), all: generation.sessions },
    access: {
      authorise: (...parameters) => services.access.authorise(...parameters),
      use: (authoriser) => {
        const { name, order } = authoriser;
        const own: typeof authoriser = { name, order, authorise: (...parameters) => run(() => authoriser.authorise(...parameters)) };
        register(`authoriser ${name}`, () => services.access.use(own));
      },
    },
    capabilities: {
      provide: (name, implementation) => register(`capability ${name}`, () => services.capabilities.provide(name, implementation, run)),
      get: (name) => services.capabilities.get(name),
      has: (name) => services.capabilities.has(name),
    },
    certificates: services.certificates,
    rtp: rtpOf(generation, services),
    stateFolder: () => stateFolderOf(manifest.name, services),
    background: (work) => {
      work.catch((error: unknown) => {
        if (!scope.closed) generation.fault(error);
      });
    },
    spawn: (command, args, options, owner = scope) => spawnInScope(owner, command, args, options),
    spawnModule: (text, options, owner = scope) => spawnModuleInScope(owner, { text, folder: generation.folder, label: generation.label }, options),
  };
}

function operationsOf({ owner }: Generation, { operations }: KernelServices, register: Register): PluginContext['operations'] {
  return {
    register: (operation) => {
      // Whoever calls it, the handler is this plugin's code.
      const own = { ...operation, handler: (...parameters: Parameters<typeof operation.handler>) => owner.run(() => operation.handler(...parameters)) };
      register(`operation ${operation.name}`, () => operations.register(own));
    },
    call: (...parameters) => operations.call(...parameters),
    list: () => operations.list(),
  };
}

function listenOf(generation: Generation, services: KernelServices): PluginContext['listen'] {
  const { listeners, host } = services;
  const owner = { name: generation.manifest.name, generation: generation.label, run: generation.owner.run };
  const { onFault } = generation.owner;
  const lease = async <T extends Lease>(open: (own: typeof owner & { readonly onReleased: () => void }) => Promise<T>, takes: 'connections' | 'datagrams' | 'requests'): Promise<T> => {
    const untilRetired = takes !== 'connections';
    let forget = (): void => undefined;
    const acquired = await open({ ...owner, onReleased: () => forget() });
    const held = generation.scope.add(`listener ${acquired.key}`, () => {
      acquired.release();
      acquired.endAccepted();
    });
    const route: Registration = { label: `route of ${acquired.key}`, register: () => commit(acquired, untilRetired), untilRetired, settle: () => acquired.settle() };
    // What was accepted outlives its lease, and ends with the generation. Of a UDP port, which a plugin may open and close for
    // each of its peers, nothing is left.
    if (takes === 'datagrams') {
      forget = () => {
        held.detach();
        generation.forget(route);
      };
    }
    try {
      generation.atSwitch(route);
    } catch (error) {
      void held.release();
      throw error;
    }
    return acquired;
  };
  const commit = (acquired: Lease, untilRetired: boolean): (() => void) => {
    const serving = listeners.list().find((row) => row.key === acquired.key)?.generation;
    if (generation.state === 'draining' && serving !== undefined && serving !== generation.label) {
      throw new WcsError('SCOPE_E_CLOSED', `${generation.label} is draining; ${acquired.key} is served by ${serving}.`);
    }
    acquired.commit();
    return () => {
      acquired.uncommit();
      if (!untilRetired) acquired.release();
    };
  };
  // Connections live by themselves, so a plugin that drains gives its TCP listener up. Datagrams of known flows and
  // requests of known viewers come through the listener, which is therefore kept until the end.
  return {
    tcp: (wish, onConnection) => lease((own) => listeners.tcp({ host, ...wish, ...own }, onConnection, onFault), 'connections'),
    tls: (wish, onConnection) => lease((own) => listeners.tls({ host, ...wish, ...own }, onConnection, onFault), 'connections'),
    udp: (wish, onDatagram) => lease((own) => listeners.udp({ host, ...wish, ...own }, onDatagram, onFault), 'datagrams'),
    http: (wish, handler) => lease((own) => listeners.http({ host, ...wish, ...own }, handler, onFault), 'requests'),
    websocket: (wish, onWebSocket) => lease((own) => listeners.websocket({ host, ...wish, ...own }, onWebSocket, onFault), 'connections'),
  };
}

function connectOf({ scope, owner, label }: Generation, { dialler }: KernelServices): PluginContext['connect'] {
  // Once for all of them: a release for each, kept until the connection ends, would keep this generation's code with it.
  scope.add('outgoing connections', () => dialler.endOwned(owner));
  return async (options: DialOptions): Promise<Connection> => {
    const connection = await dialler.connect(options, owner);
    if (!scope.closed) return connection;
    connection.destroy();
    throw new WcsError('SCOPE_E_CLOSED', `${label} opens no more connections.`);
  };
}

function pairsOf({ scope, owner, label }: Generation, { rtpPairs }: KernelServices): PluginContext['rtp']['openPair'] {
  // As for connections: once for all of them.
  scope.add('RTP port pairs', () => rtpPairs.endOwned(owner));
  return async (): Promise<RtpPortPair> => {
    const pair = await rtpPairs.open(owner);
    if (!scope.closed) return pair;
    pair.destroy();
    throw new WcsError('SCOPE_E_CLOSED', `${label} opens no more ports.`);
  };
}

function rtpOf(generation: Generation, services: KernelServices): PluginContext['rtp'] {
  const { scope } = generation;
  const { rtpEngine } = services;
  return {
    tier: rtpEngine.tier,
    openSender: (options, owner = scope) => closedWith(owner, 'RTP sender', options.onClose, (onClose) => rtpEngine.openSender({ ...options, onClose })),
    openReceiver: (keys, options, owner = scope) => closedWith(owner, 'SRTP receiver', options?.onClose, (onClose) => rtpEngine.openReceiver(keys, { ...options, onClose })),
    openPair: pairsOf(generation, services),
  };
}

/** What closes with a scope, and leaves it when it is closed before that. */
function closedWith<T extends { close(): void }>(scope: Scope, label: string, told: (() => void) | undefined, open: (onClose: () => void) => T): T {
  let held: Held | undefined = undefined;
  const opened = open(() => {
    told?.();
    held?.detach();
  });
  held = scope.add(label, () => opened.close());
  return opened;
}

function stateFolderOf(name: string, { stateDir }: KernelServices): string {
  const folder = join(stateDir, 'plugins', name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

function portInScope<T extends { release(): void }>(scope: Scope, port: T): T {
  const held = scope.add('port', () => port.release());
  return { ...port, release: () => void held.release() };
}

function openSession(generation: Generation, services: KernelServices, wish: SessionWish): PluginSession {
  // Before anything is on the list that nobody would ever take off it.
  if (generation.scope.closed) throw new WcsError('SCOPE_E_CLOSED', `${generation.label} is ${generation.state}; it opens no more sessions.`);
  // A session outlives the generation that opened it, so that `kill` finds it through the registry's entry.
  const entry = services.sessions.open({ ...wish, plugin: generation.manifest.name, kill: () => undefined });
  return new PluginSession(generation, services.media, { entry, connections: [], publications: [] });
}
