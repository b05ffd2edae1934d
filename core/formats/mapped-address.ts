const MAPPED_PREFIX = '::ffff:';

/** Writes an IPv4 address that a dual-stack socket shows as `::ffff:192.0.2.1` in its plain form; others unchanged. @see RFC 4291 section 2.5.5.2 */
export function plainAddress(address: string): string {
  return address.startsWith(MAPPED_PREFIX) && address.includes('.') ? address.slice(MAPPED_PREFIX.length) : address;
}

/** The inverse of `plainAddress`, for sending from an IPv6 socket. */
export function mappedAddress(address: string): string {
  return address.includes(':') ? address : MAPPED_PREFIX + address;
}
