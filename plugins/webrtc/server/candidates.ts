import { createHash } from 'node:crypto';
import type { NetworkInterfaceInfo } from 'node:os';
import type { Candidate } from './peer-transport.ts';

/** Host candidates. @see RFC 8445 section 5.1.2.2 */
const TYPE_PREFERENCE_HOST = 126;
/** Between 0 and 65535; UDP goes before TCP, and of the TCP ones passive has direction preference 4. @see RFC 6544 section 4.2 */
const UDP_LOCAL_PREFERENCE = 0xffff;
const TCP_PASSIVE_DIRECTION = 4;
/** A description with more is a burden for every client. */
export const CANDIDATE_ADDRESSES_MAX = 16;
const COMPONENT_RTP = 1;

/** What the addresses of candidates are chosen from. */
export interface AddressSources {
  /** Addresses of the setting: how the outside reaches us; when there are any, nothing else is told. */
  readonly advertise: readonly string[];
  /** What the listener is bound to; `0.0.0.0` is all of IPv4, `::` everything. */
  readonly boundHost: string;
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
}

/** The addresses at which peers may try to reach us, best first: those of the setting, else the machine's, else loopback. */
export function candidateAddresses({ advertise, boundHost, interfaces }: AddressSources): readonly string[] {
  if (advertise.length > 0) return advertise.slice(0, CANDIDATE_ADDRESSES_MAX);
  if (boundHost !== '0.0.0.0' && boundHost !== '::') return [boundHost];
  const all = Object.values(interfaces).flatMap((list) => list ?? []);
  const usable = all.filter(({ family, internal, address }) => !internal && (family === 'IPv4' || (boundHost === '::' && !isLinkLocal(address))));
  const addresses = [...usable.filter(({ family }) => family === 'IPv4'), ...usable.filter(({ family }) => family === 'IPv6')].map(({ address }) => address);
  return addresses.length > 0 ? [...new Set(addresses)].slice(0, CANDIDATE_ADDRESSES_MAX) : ['127.0.0.1'];
}

/** Our candidates on a port, in order of priority. `wish` leaves only those of one transport. */
export function candidatesOf(addresses: readonly string[], ports: { readonly udp?: number | undefined; readonly tcp?: number | undefined }, wish?: 'udp' | 'tcp'): readonly Candidate[] {
  const kinds = (['udp', 'tcp'] as const).filter((transport) => wish === undefined || wish === transport);
  return kinds.flatMap((transport) => {
    const port = ports[transport];
    return port === undefined ? [] : addresses.map((address, rank) => candidate(transport, address, port, rank));
  });
}

function candidate(transport: 'udp' | 'tcp', address: string, port: number, rank: number): Candidate {
  const localPreference = transport === 'udp' ? UDP_LOCAL_PREFERENCE - rank : (TCP_PASSIVE_DIRECTION << 13) + (0x1fff - rank);
  return { foundation: foundationOf(transport, address), component: COMPONENT_RTP, transport, priority: TYPE_PREFERENCE_HOST * 2 ** 24 + localPreference * 2 ** 8 + (256 - COMPONENT_RTP), address, port };
}

/** The same for candidates of one kind from one address, whenever they are made. @see RFC 8445 section 5.1.1.3 */
function foundationOf(transport: string, address: string): string {
  return String(createHash('sha1').update(`host ${transport} ${address}`).digest().readUInt32BE(0));
}

/** Such an address means nothing without the interface. @see RFC 4291 section 2.5.6 */
function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}
