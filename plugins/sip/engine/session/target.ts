import { formatHostPort } from '../wire/sip-uri.ts';

export type Transport = 'udp' | 'tcp' | 'tls';

/** Where a message goes to, or came from. */
export interface Target {
  readonly transport: Transport;
  /** Numeric address. */
  readonly address: string;
  readonly port: number;
  /** Name that the certificate of a TLS peer must have. */
  readonly serverName?: string;
  /** The connection that a request came by: its answers go there while it lives. */
  readonly connectionId?: number;
}

/** Whether delivery is the transport's business, so that nothing is repeated. */
export function isReliable({ transport }: Target): boolean {
  return transport !== 'udp';
}

/** `udp:192.0.2.1:5060`. */
export function targetKey({ transport, address, port }: Target): string {
  return `${transport}:${formatHostPort(address, port)}`;
}
