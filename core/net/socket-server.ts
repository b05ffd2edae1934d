import type { AddressInfo, Server } from 'node:net';
import type { NetLog } from './net-log.ts';

/** Connections that the operating system queues before we accept them. */
const ACCEPT_BACKLOG = 1024;

/**
 * Binds a server that accepts TCP connections; afterwards its errors (no file descriptors left) are logged.
 *
 * @throws the error of the system when it cannot bind
 */
export function bindServer(server: Server, { host, port }: { host: string; port: number }, log: NetLog): Promise<{ host: string; port: number }> {
  // Nothing here may hold on to the caller's options: they lead to the code of its generation.
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: ACCEPT_BACKLOG, ipv6Only: false }, () => {
      server.off('error', reject);
      server.on('error', (error) => log.warn('The listener cannot accept a connection.', { host, port, error: error.message }));
      resolve({ host, port: boundPort(server.address()) });
    });
  });
}

function boundPort(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Stops listening; resolves when the last connection has gone. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => void server.close(() => resolve()));
}
