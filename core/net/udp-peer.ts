/** Where a datagram came from; an IPv4 address is always in its plain form. */
export interface UdpPeer {
  readonly address: string;
  readonly port: number;
  readonly family: 'IPv4' | 'IPv6';
}

/** @param address numeric, an IPv4 one in its plain form */
export function udpPeer(address: string, port: number): UdpPeer {
  return { address, port, family: address.includes(':') ? 'IPv6' : 'IPv4' };
}
