import { isIPv4, isIPv6 } from 'node:net';

/** What an address is for. `metadata` are the fixed addresses at which clouds hand out credentials. */
export type AddressClass = 'public' | 'loopback' | 'private' | 'linkLocal' | 'metadata' | 'multicast' | 'unspecified' | 'reserved';

/** First match counts. @see RFC 6890, RFC 1918, RFC 6598, RFC 5771 */
const IPV4_CLASSES: readonly (readonly [string, AddressClass])[] = [
  ['169.254.169.254/32', 'metadata'],
  ['169.254.170.2/32', 'metadata'],
  ['169.254.170.23/32', 'metadata'],
  ['100.100.100.200/32', 'metadata'],
  ['192.0.0.192/32', 'metadata'],
  ['168.63.129.16/32', 'metadata'],
  ['0.0.0.0/8', 'unspecified'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'private'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'linkLocal'],
  ['172.16.0.0/12', 'private'],
  ['192.168.0.0/16', 'private'],
  ['192.0.0.0/24', 'reserved'],
  ['192.0.2.0/24', 'reserved'],
  ['192.88.99.0/24', 'reserved'],
  ['198.18.0.0/15', 'reserved'],
  ['198.51.100.0/24', 'reserved'],
  ['203.0.113.0/24', 'reserved'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
];

/** First match counts. @see RFC 6890, RFC 4193, RFC 4291 */
const IPV6_CLASSES: readonly (readonly [string, AddressClass])[] = [
  ['fd00:ec2::254/128', 'metadata'],
  ['fd20:ce::254/128', 'metadata'],
  ['::/128', 'unspecified'],
  ['::1/128', 'loopback'],
  ['fc00::/7', 'private'],
  ['fec0::/10', 'private'],
  ['fe80::/10', 'linkLocal'],
  ['ff00::/8', 'multicast'],
];

/** Everything that IANA has handed out for the public Internet; the rest is reserved. */
const IPV6_GLOBAL = '2000::/3';
const IPV6_GLOBAL_HOLES = ['2001::/23', '2001:db8::/32', '3fff::/20'];

/** IPv6 forms that carry an IPv4 address, and the byte at which it stands. @see RFC 4291 section 2.5.5, RFC 6052, RFC 3056 */
const IPV4_CARRIERS: readonly (readonly [string, number])[] = [
  ['::ffff:0:0/96', 12],
  ['::ffff:0:0:0/96', 12],
  ['64:ff9b::/96', 12],
  ['2002::/16', 2],
  ['::/96', 12],
];

/** Classifies a numeric address; an IPv4 address inside an IPv6 one decides for itself. Anything else is `reserved`. */
export function classifyAddress(address: string): AddressClass {
  const bytes = parseAddress(address);
  if (bytes === undefined) return 'reserved';
  return bytes.length === 4 ? classifyV4(bytes) : classifyV6(bytes);
}

function classifyV4(bytes: readonly number[]): AddressClass {
  return IPV4_CLASSES.find(([cidr]) => bytesInCidr(bytes, cidr))?.[1] ?? 'public';
}

function classifyV6(bytes: readonly number[]): AddressClass {
  const own = IPV6_CLASSES.find(([cidr]) => bytesInCidr(bytes, cidr))?.[1];
  if (own !== undefined) return own;
  const carrier = IPV4_CARRIERS.find(([cidr]) => bytesInCidr(bytes, cidr));
  if (carrier !== undefined) return classifyV4(bytes.slice(carrier[1], carrier[1] + 4));
  const global = bytesInCidr(bytes, IPV6_GLOBAL) && !IPV6_GLOBAL_HOLES.some((cidr) => bytesInCidr(bytes, cidr));
  return global ? 'public' : 'reserved';
}

/** True when the numeric address lies in `10.0.0.0/8`, `fd00::/8` or is the plain address given; IPv4-mapped forms count as IPv4. */
export function addressInCidr(address: string, cidr: string): boolean {
  const bytes = parseAddress(address);
  if (bytes === undefined) return false;
  const mapped = bytes.length === 16 && bytesInCidr(bytes, '::ffff:0:0/96');
  return bytesInCidr(mapped ? bytes.slice(12) : bytes, cidr);
}

function bytesInCidr(bytes: readonly number[], cidr: string): boolean {
  const [base = '', length] = cidr.split('/');
  const network = parseAddress(base);
  if (network?.length !== bytes.length) return false;
  const bits = length === undefined ? bytes.length * 8 : Number(length);
  if (!Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8 || length === '') return false;
  return network.every((byte, index) => {
    const mask = (0xff00 >> Math.min(8, Math.max(0, bits - index * 8))) & 0xff;
    return (byte & mask) === ((bytes[index] ?? 0) & mask);
  });
}

/** 4 or 16 bytes; undefined for what is no canonical numeric address. A zone (`%eth0`) is left out. */
function parseAddress(address: string): number[] | undefined {
  const bare = address.replace(/%.*$/, '');
  if (isIPv4(bare)) return bare.split('.').map(Number);
  if (!isIPv6(bare)) return undefined;
  const hexOnly = bare.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.slice(0, 4).map(Number);
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
  });
  const [head = [], tail] = hexOnly.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const gap = tail === undefined ? [] : Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...gap, ...(tail ?? [])].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

/**
 * Reads the old spellings of an IPv4 address that resolvers still take: `2130706433`, `0x7f.1`, `0177.0.0.1`.
 * Gives dotted decimal; undefined for a host name; an empty text for numbers that make no address.
 */
export function parseLooseIpv4(host: string): string | undefined {
  const parts = host.split('.');
  const numeric = /^(?:0[xX][0-9a-fA-F]*|\d+)$/;
  if (!numeric.test(parts.at(-1) ?? '')) return undefined;
  if (parts.length > 4 || !parts.every((part) => numeric.test(part))) return '';
  const numbers = parts.map(looseNumber);
  const last = numbers.pop() ?? Number.NaN;
  const room = 256 ** (4 - numbers.length);
  if (numbers.some((number) => !(number <= 255)) || !(last < room)) return '';
  const value = numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), last);
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** NaN for an octal number with an 8 or 9 in it. */
function looseNumber(text: string): number {
  if (/^0x/i.test(text)) return text.length === 2 ? 0 : Number(text);
  if (/^0\d/.test(text)) return /^[0-7]+$/.test(text) ? parseInt(text, 8) : Number.NaN;
  return Number(text);
}
