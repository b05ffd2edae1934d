import { WcsError, type PluginContext, type PluginSession } from 'wcs-core';
import { hostTowards } from '../../engine/server/engine-network.ts';
import { Location, systemNameService, type NameService } from '../../engine/server/location.ts';
import type { Target } from '../../engine/session/target.ts';
import type { SipPlace, SipStack } from '../../engine/sip-stack.ts';
import { formatHostPort } from '../../engine/wire/sip-uri.ts';
import type { DrachtioSettings } from '../settings.ts';
import { DrachtioHost, type DrachtioHostState } from './drachtio-host.ts';

/** How often draining servers are looked at, whether calls are left. */
const DRAIN_LOOK_MS = 100;
/** Of a URI that names none. @see RFC 3261 section 19.1.2 */
const SIP_PORT = 5060;

/** What the hosts are given. */
export interface DrachtioHostsOptions {
  readonly settings: DrachtioSettings;
  /** Address that others reach our media by. */
  readonly publicAddress: string;
  readonly nowMs: () => number;
  readonly names?: NameService;
}

/** Drachtio-servers elsewhere, in the place of the embedded engine. */
export class DrachtioHosts implements SipStack {
  onPlacesChanged: (() => void) | undefined;
  onConnectionLost: SipStack['onConnectionLost'];
  readonly canPing = false;
  readonly ownPlace = undefined;
  readonly #ctx: PluginContext;
  readonly #options: DrachtioHostsOptions;
  readonly #names: NameService;
  readonly #location: Location;
  #hosts: readonly DrachtioHost[] = [];
  #malformed = 0;

  constructor(ctx: PluginContext, options: DrachtioHostsOptions) {
    this.#ctx = ctx;
    this.#options = options;
    this.#names = options.names ?? systemNameService();
    this.#location = new Location(this.#names, options.nowMs);
  }

  get counts(): SipStack['counts'] {
    const sum = (count: (host: DrachtioHost) => number): number => this.#hosts.reduce((total, host) => total + count(host), 0);
    return { transactions: sum(({ counts }) => counts.transactions), dialogs: sum(({ counts }) => counts.dialogs), connections: sum(({ connected }) => Number(connected)) };
  }

  get counters(): SipStack['counters'] {
    return { received: 0, malformed: this.#malformed, dropped: 0 };
  }

  get trouble(): string | undefined {
    const away = this.#hosts.filter(({ connected }) => !connected);
    return away.length === 0 ? undefined : `SIP servers not connected: ${away.map(({ name, trouble }) => `${name} (${trouble ?? ''})`).join(', ')}`;
  }

  async prepare(methods: readonly string[]): Promise<readonly SipPlace[]> {
    const { settings } = this.#options;
    this.#hosts = settings.hosts.map((host) => new DrachtioHost(this.#ctx, {
      settings: host,
      methods,
      names: this.#names,
      locate: (uri, caller, done) => this.#locate(uri, caller, done),
      onMalformed: () => (this.#malformed += 1),
      onChanged: () => this.onPlacesChanged?.(),
    }));
    return Promise.all(this.#hosts.map(async (host) => placeOf(host, await host.listen())));
  }

  start(): void {
    for (const host of this.#hosts) host.start();
  }

  owns(session: PluginSession): boolean {
    return this.#hosts.some((host) => host.owns(session));
  }

  exportSession(session: PluginSession): DrachtioHostState | undefined {
    return this.#hosts.find((host) => host.owns(session))?.exportState();
  }

  importSession(session: PluginSession, data: unknown): void {
    // Written by `exportSession`, or by that of the embedded engine, which has no name.
    const state = data as DrachtioHostState | { readonly name?: undefined };
    const host = this.#hosts.find(({ name }) => name === state.name);
    if (host === undefined || state.name === undefined) throw new WcsError('SESSION_E_NOT_FOUND', 'Its SIP server is not among the configured ones any more');
    host.importState(session, state);
  }

  async drain(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.counts.dialogs === 0 || signal.aborted) resolve();
      };
      this.#ctx.timers.every(DRAIN_LOOK_MS, look);
      signal.addEventListener('abort', () => resolve(), { once: true });
      look();
    });
    for (const host of this.#hosts) host.close('The plugin has been taken out of service');
  }

  hostTowards(host: string): string {
    return hostTowards(host, this.#options, '0.0.0.0');
  }

  isOwnPlace(host: string, port = SIP_PORT): boolean {
    const own = formatHostPort(host, port);
    return this.#hosts.some(({ hostPorts }) => hostPorts.split(',').some((hostPort) => hostPort.slice(hostPort.indexOf('/') + 1) === own));
  }

  ping(): boolean {
    return true;
  }

  /** A name is resolved here where a peer has given it, so that the server goes to the address that was judged, and to no other. */
  #locate(uri: string, caller: string, done: (route: string | undefined) => void): void {
    const find = async (): Promise<void> => {
      const allowed = (await this.#location.find(uri)).find(({ address }) => this.#ctx.targets.allows(address, caller));
      if (allowed === undefined) done(undefined);
      else done(this.#location.numeric(uri) === undefined ? routeTo(allowed) : '');
    };
    this.#ctx.background(find());
  }
}

function placeOf(host: DrachtioHost, access: SipPlace['access']): SipPlace {
  return {
    name: host.name,
    access,
    get connected() {
      return host.connected;
    },
    holds: (transactionId) => host.holds(transactionId),
    routed: () => host.routed(),
  };
}

function routeTo({ transport, address, port }: Target): string {
  return `sip:${formatHostPort(address, port)};transport=${transport}`;
}
