import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { addressInCidr, classifyAddress, parseLooseIpv4, type AddressClass } from './ip-address.ts';

/** Which targets a URL from outside may name. Public addresses always may. */
export interface TargetPolicy {
  readonly allowLoopback: boolean;
  /** Private and link-local networks; never the metadata addresses of clouds. */
  readonly allowPrivate: boolean;
  /** Allowed whatever they resolve to: host names, `*.example.org`, addresses, CIDR ranges. */
  readonly allowed: readonly string[];
}

/** A target that may be dialled, at `address` and not by resolving the name again. */
export interface ResolvedTarget {
  readonly url: URL;
  /** Lower case, ASCII, without brackets: for the Host header and the TLS server name. */
  readonly host: string;
  readonly address: string;
  readonly family: 4 | 6;
  /** From the URL, else the scheme's own; undefined for a scheme without one. */
  readonly port: number | undefined;
}

/** Gives all addresses of a host name. */
export type ResolveHost = (host: string) => Promise<readonly string[]>;

const DEFAULT_PORTS: Readonly<Record<string, number>> = { http: 80, https: 443, ws: 80, wss: 443, rtmp: 1935, rtmps: 443, rtsp: 554, rtsps: 322 };
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/**
 * Resolves the host of a URL once and refuses it unless every address it has may be dialled.
 *
 * @throws WcsError ACCESS_E_REFUSED naming the class of the address and the setting that would allow it, NET_E_HOST_UNKNOWN
 */
export async function checkTarget(target: string | URL, policy: TargetPolicy, resolve: ResolveHost = resolveByDns): Promise<ResolvedTarget> {
  const url = parseUrl(target);
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await addressesOf(host, resolve) : [host];
  const byName = policy.allowed.some((entry) => nameMatches(host, entry));
  for (const address of addresses) {
    if (!byName && !isAllowedAddress(address, policy)) throw refused(`${host} leads to ${address}, a ${WORDS[classifyAddress(address)]} address; add it to network.allowedTargets to allow it`);
  }
  const [address = ''] = addresses;
  const port = url.port === '' ? DEFAULT_PORTS[url.protocol.slice(0, -1)] : Number(url.port);
  return { url, host, address, family: isIP(address) === 6 ? 6 : 4, port };
}

/** Whether a numeric address may be a target. */
export function isAllowedAddress(address: string, policy: TargetPolicy): boolean {
  return classAllowed(classifyAddress(address), policy) || policy.allowed.some((entry) => addressInCidr(address, entry));
}

const WORDS: Readonly<Record<AddressClass, string>> = {
  public: 'public', loopback: 'loopback', private: 'private', linkLocal: 'link-local',
  metadata: 'cloud metadata', multicast: 'multicast', unspecified: 'unspecified', reserved: 'reserved',
};

function classAllowed(kind: AddressClass, policy: TargetPolicy): boolean {
  if (kind === 'loopback') return policy.allowLoopback;
  return kind === 'public' || ((kind === 'private' || kind === 'linkLocal') && policy.allowPrivate);
}

function parseUrl(target: string | URL): URL {
  try {
    return new URL(target);
  } catch {
    throw refused('it is not a URL');
  }
}

/** Schemes that the URL standard does not know keep their host as it was typed, so it is made canonical here. */
function hostOf(url: URL): string {
  const typed = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(typed) === 6) return typed.toLowerCase();
  const host = domainToASCII(decoded(typed)).toLowerCase().replace(/\.$/, '');
  const numeric = parseLooseIpv4(host);
  if (numeric === '' || (numeric === undefined && !HOST_NAME.test(host))) throw refused('its host is missing or not valid');
  return numeric ?? host;
}

function decoded(host: string): string {
  try {
    return decodeURIComponent(host);
  } catch {
    return '';
  }
}

async function addressesOf(host: string, resolve: ResolveHost): Promise<readonly string[]> {
  try {
    const addresses = await resolve(host);
    if (addresses.length > 0) return addresses;
  } catch (error) {
    throw new WcsError('NET_E_HOST_UNKNOWN', `The host ${host} was not found: ${messageOf(error)}`, { cause: error });
  }
  throw refused(`the host ${host} has no address`);
}

async function resolveByDns(host: string): Promise<string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

function nameMatches(host: string, entry: string): boolean {
  const name = entry.trim().toLowerCase();
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) && host.length >= name.length : host === name;
}

function refused(why: string): WcsError {
  return new WcsError('ACCESS_E_REFUSED', `The target is refused: ${why}.`);
}
