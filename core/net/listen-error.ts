import { WcsError } from '../errors/wcs-error.ts';
import type { ListenOptions } from './lease.ts';

/** First port that any user may bind on Linux, unless the machine says otherwise. */
const FIRST_UNPRIVILEGED_PORT = 1024;
/** 554 -> 8554, 80 -> 8080, 443 -> 8443. */
const UNPRIVILEGED_OFFSET = 8000;

/**
 * NET_E_LISTEN for a failed bind, with a sentence that says what to do.
 *
 * @param heldBy key of one of our own listeners on that port, when there is one
 */
export function listenError(cause: unknown, options: ListenOptions, heldBy?: string): WcsError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'UNKNOWN';
  const { host, port } = options;
  return new WcsError('NET_E_LISTEN', sentence(code, cause, options, heldBy), { cause, details: { host, port, errno: code } });
}

function sentence(code: string, cause: unknown, options: ListenOptions, heldBy: string | undefined): string {
  const { host, port } = options;
  const setting = options.setting ?? `plugins.${options.name}.port`;
  switch (code) {
    case 'EADDRINUSE':
      return heldBy === undefined
        ? `Port ${port} is in use by another program; stop it or set ${setting} to another port.`
        : `Port ${port} is in use by this server's own listener ${heldBy}; set ${setting} to another port.`;
    case 'EACCES':
    case 'EPERM': {
      if (port >= FIRST_UNPRIVILEGED_PORT) return `The system does not permit listening on port ${port}; set ${setting} to another port.`;
      return `Port ${port} needs root or CAP_NET_BIND_SERVICE; set ${setting} to ${port + UNPRIVILEGED_OFFSET} or grant the capability.`;
    }
    case 'EADDRNOTAVAIL':
      return `This machine has no address ${host}; set network.host to one of its addresses, or to 0.0.0.0 for all.`;
    case 'EAFNOSUPPORT':
      return `This machine has no IPv6, so that ${host} cannot be used; set network.host to 0.0.0.0.`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name ${host} is not known here; set network.host to an address of this machine.`;
    default:
      return `Cannot listen on ${host} port ${port} for ${setting}: ${cause instanceof Error ? cause.message : String(cause)}.`;
  }
}
