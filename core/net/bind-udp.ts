import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIPv6 } from 'node:net';

/** Binds a UDP socket to a numeric address and answers its descriptor; undefined when that isn't possible. */
export type BindUdp = (host: string, port: number) => number | undefined;

/** A bound socket, and its descriptor where that is known. */
export interface BoundUdp {
  readonly socket: Socket;
  readonly fd: number | undefined;
}

/**
 * Binds a UDP socket of node:dgram. node:dgram tells no descriptor, but takes one: `bindNative` makes a socket that has one. Where
 * it makes none, the ordinary way is gone, which also gives the error that tells why.
 *
 * @throws the error of the system when it cannot bind
 */
export async function bindUdp({ host, port }: { readonly host: string; readonly port: number }, bindNative?: BindUdp): Promise<BoundUdp> {
  const fd = bindNative?.(host, port);
  return { socket: await bindSocket(host, fd === undefined ? { address: host, port } : { fd }), fd };
}

/** Names are looked up for the bind only; later every destination is numeric, so that a send does no look-up and no extra tick. */
function bindSocket(address: string, where: { readonly address: string; readonly port: number } | { readonly fd: number }): Promise<Socket> {
  let bound = false;
  const type = isIPv6(address) ? 'udp6' : 'udp4';
  const family = type === 'udp6' ? 6 : 4;
  const socket = createSocket({
    type,
    lookup: (host, _options, callback) => {
      if (bound) callback(null, host, family);
      else lookup(host, { family }, callback);
    },
  });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(where, () => {
      bound = true;
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
