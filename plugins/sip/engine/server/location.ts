import { lookup, Resolver } from 'node:dns/promises';
import { targetKey, type Target, type Transport } from '../session/target.ts';
import { isNumericHost, parseSipUri, type SipUri } from '../wire/sip-uri.ts';

/** How long an answer of the name service is used. */
const CACHE_MS = 60_000;
const CACHE_MAX = 1000;
/** How long a target that did not answer stands behind the others. */
const BAD_TARGET_MS = 60_000;
const BAD_TARGETS_MAX = 1000;
const DNS_TIMEOUT_MS = 2000;
/** Targets of one name that are tried at most. */
const TARGETS_MAX = 8;

const DEFAULT_PORTS: Readonly<Record<Transport, number>> = { udp: 5060, tcp: 5060, tls: 5061 };
/** Services of NAPTR records that we know. @see RFC 3263 section 4.1 */
const SERVICES: Readonly<Record<string, Transport>> = { 'SIP+D2U': 'udp', 'SIP+D2T': 'tcp', 'SIPS+D2T': 'tls' };
const SRV_NAMES: Readonly<Record<Transport, string>> = { udp: '_sip._udp', tcp: '_sip._tcp', tls: '_sips._tcp' };

/** An SRV record. @see RFC 2782 */
export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** The questions to the name service; each rejects when there is no answer. */
export interface NameService {
  naptr(name: string): Promise<readonly { service: string; replacement: string; order: number; preference: number }[]>;
  srv(name: string): Promise<readonly SrvRecord[]>;
  addresses(name: string): Promise<readonly string[]>;
}

export function systemNameService(): NameService {
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 1 });
  return {
    naptr: (name) => resolver.resolveNaptr(name),
    srv: (name) => resolver.resolveSrv(name),
    addresses: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  };
}

/** Finds out where a URI leads. @see RFC 3263 section 4 */
export class Location {
  readonly #names: NameService;
  readonly #nowMs: () => number;
  readonly #cache = new Map<string, { readonly targets: Promise<readonly Target[]>; readonly untilMs: number }>();
  readonly #bad = new Map<string, number>();

  constructor(names: NameService, nowMs: () => number) {
    this.#names = names;
    this.#nowMs = nowMs;
  }

  /** The only target of a URI with a numeric host; undefined when names have to be asked for. */
  numeric(uri: string): Target[] | undefined {
    const parsed = parseSipUri(uri);
    if (parsed === undefined) return [];
    const address = parsed.params.get('maddr') ?? parsed.host;
    if (!isNumericHost(address)) return undefined;
    const transport = transportOf(parsed) ?? 'udp';
    return [{ transport, address, port: parsed.port ?? DEFAULT_PORTS[transport], ...(transport === 'tls' ? { serverName: parsed.host } : {}) }];
  }

  /** All targets of a URI, best first; empty when there is none. Never rejects. */
  async find(uri: string): Promise<readonly Target[]> {
    const numeric = this.numeric(uri);
    if (numeric !== undefined) return numeric;
    const parsed = parseSipUri(uri);
    if (parsed === undefined) return [];
    const key = `${parsed.host} ${parsed.port ?? ''} ${transportOf(parsed) ?? ''}`;
    const known = this.#cache.get(key);
    if (known !== undefined && known.untilMs > this.#nowMs()) return this.#sorted(await known.targets);
    const targets = this.#ask(parsed).catch(() => []);
    if (this.#cache.size >= CACHE_MAX) this.#cache.clear();
    this.#cache.set(key, { targets, untilMs: this.#nowMs() + CACHE_MS });
    const found = await targets;
    if (found.length === 0) this.#cache.delete(key);
    return this.#sorted(found);
  }

  markBad(target: Target): void {
    if (this.#bad.size >= BAD_TARGETS_MAX) this.#bad.clear();
    this.#bad.set(targetKey(target), this.#nowMs() + BAD_TARGET_MS);
  }

  isBad(target: Target): boolean {
    return (this.#bad.get(targetKey(target)) ?? 0) > this.#nowMs();
  }

  #sorted(targets: readonly Target[]): readonly Target[] {
    return [...targets].sort((a, b) => Number(this.isBad(a)) - Number(this.isBad(b)));
  }

  async #ask(uri: SipUri): Promise<readonly Target[]> {
    const transport = transportOf(uri);
    if (uri.port !== undefined) return this.#byAddress(uri.host, uri.port, transport ?? 'udp', uri.host);
    const services = transport === undefined ? await this.#services(uri.host) : [{ name: `${SRV_NAMES[transport]}.${uri.host}`, transport }];
    const targets: Target[] = [];
    for (const { name, transport: by } of services) targets.push(...(await this.#byService(name, by, uri.host)));
    if (targets.length > 0) return targets.slice(0, TARGETS_MAX);
    const fallback = transport ?? 'udp';
    return this.#byAddress(uri.host, DEFAULT_PORTS[fallback], fallback, uri.host);
  }

  /** Names of the services that a domain offers, in its order; those of convention when it says nothing. */
  async #services(host: string): Promise<{ name: string; transport: Transport }[]> {
    const records = await this.#names.naptr(host).catch(() => []);
    const offered = records
      .toSorted((a, b) => a.order - b.order || a.preference - b.preference)
      .flatMap(({ service, replacement }) => {
        const transport = SERVICES[service.toUpperCase()];
        return transport === undefined ? [] : [{ name: replacement, transport }];
      });
    return offered.length > 0 ? offered : (['udp', 'tcp'] as const).map((transport) => ({ name: `${SRV_NAMES[transport]}.${host}`, transport }));
  }

  async #byService(name: string, transport: Transport, host: string): Promise<Target[]> {
    const records = inOrder(await this.#names.srv(name).catch(() => []));
    const targets: Target[] = [];
    for (const record of records.slice(0, TARGETS_MAX)) targets.push(...(await this.#byAddress(record.name, record.port, transport, host).catch(() => [])));
    return targets;
  }

  async #byAddress(name: string, port: number, transport: Transport, serverName: string): Promise<Target[]> {
    const addresses = await this.#names.addresses(name);
    return addresses.slice(0, TARGETS_MAX).map((address) => ({ transport, address, port, ...(transport === 'tls' ? { serverName } : {}) }));
  }
}

function transportOf({ scheme, params }: SipUri): Transport | undefined {
  if (scheme === 'sips') return 'tls';
  const named = params.get('transport')?.toLowerCase();
  return named === 'udp' || named === 'tcp' || named === 'tls' ? named : undefined;
}

/** Lowest priority first; within it by chance, the heavier the likelier. @see RFC 2782 */
export function inOrder(records: readonly SrvRecord[], random: () => number = Math.random): SrvRecord[] {
  const drawn = records.map((record) => ({ record, draw: record.weight === 0 ? 0 : random() ** (1 / record.weight) }));
  return drawn.sort((a, b) => a.record.priority - b.record.priority || b.draw - a.draw).map(({ record }) => record);
}
