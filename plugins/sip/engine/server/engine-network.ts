import { networkInterfaces } from 'node:os';
import type { Target } from '../session/target.ts';
import { isNumericHost } from '../wire/sip-uri.ts';
import type { EngineSettings } from './settings.ts';

/** Ports that the listeners have got. */
export interface BoundPorts {
  readonly udp: number;
  readonly tcp: number;
  readonly tls: number;
}

/** Host and port that a peer finds us under. */
export function addressTowards(target: Target, settings: Pick<EngineSettings, 'publicAddress'>, host: string, ports: BoundPorts): { host: string; port: number } {
  const port = ports[target.transport];
  const loopback = isLoopback(target.address);
  if (!isWildcard(host)) return { host: settings.publicAddress !== '' && !loopback ? settings.publicAddress : host, port };
  if (loopback) return { host: target.address.includes(':') ? '::1' : '127.0.0.1', port };
  if (settings.publicAddress !== '') return { host: settings.publicAddress, port };
  return { host: ownAddress(target.address.includes(':') ? 'IPv6' : 'IPv4') ?? '127.0.0.1', port };
}

/** Our address as a host finds it: a numeric one, or a name that is somewhere else. */
export function hostTowards(name: string, settings: Pick<EngineSettings, 'publicAddress'>, host: string): string {
  const address = name === 'localhost' ? '127.0.0.1' : isNumericHost(name) ? name : '';
  return addressTowards({ transport: 'udp', address, port: 0 }, settings, host, { udp: 0, tcp: 0, tls: 0 }).host;
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::' || !isNumericHost(host);
}

function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1';
}

function ownAddress(family: 'IPv4' | 'IPv6'): string | undefined {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.find((address) => !address.internal && address.family === family && !address.address.startsWith('fe80'))?.address;
}
