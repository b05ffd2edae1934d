import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { makeSelfSigned } from '../../../core/net/self-signed.ts';
import { startSipApp, type SipAppServer } from './sip-app.ts';

/** A SIP server elsewhere that speaks drachtio's control protocol, behind a way that can be cut. */
export interface ExternalServer {
  /** As the settings have it: `drachtio.hosts[]`. */
  readonly host: { readonly address: string; readonly secret: string; readonly tls: { readonly enabled: boolean; readonly verify: boolean } };
  /** Its SIP port. */
  readonly port: number;
  readonly app: SipAppServer;
  /** Control connections that were made so far. */
  readonly connections: number;
  /** Breaks all connections, and takes no more. */
  cut(): Promise<void>;
  /** Takes connections again, at the same port. */
  mend(): Promise<void>;
}

/** Starts an engine in a kernel of its own; both end with the test. @param secure its control protocol is spoken over TLS */
export async function startExternalServer(t: ExecutionContext, secure = false): Promise<ExternalServer> {
  const app = await startSipApp(t);
  const access = await app.call<{ host: string; port: number; secret: string }>('control');
  const sockets = new Set<Socket>();
  let [server, connections, port]: [Server | undefined, number, number] = [undefined, 0, 0];
  const certificate = secure ? await makeSelfSigned() : undefined;
  const mend = async (): Promise<void> => {
    const onConnection = (near: Socket): void => {
      connections++;
      const far = connect(access.port, access.host);
      for (const [one, other] of [[near, far], [far, near]] as const) {
        sockets.add(one);
        one.on('error', () => undefined);
        one.on('close', () => {
          sockets.delete(one);
          other.destroy();
        });
        one.pipe(other);
      }
    };
    const opened = certificate === undefined ? createServer(onConnection) : createTlsServer(certificate, onConnection);
    server = opened;
    await new Promise<void>((resolve) => opened.listen(port, '127.0.0.1', resolve));
    ({ port } = opened.address() as AddressInfo);
  };
  const cut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    const closed = new Promise<void>((resolve) => (closing === undefined ? resolve() : closing.close(() => resolve())));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await mend();
  t.teardown(cut);
  return {
    host: { address: `127.0.0.1:${port}`, secret: access.secret, tls: { enabled: secure, verify: false } },
    port: app.port,
    app,
    get connections() {
      return connections;
    },
    cut,
    mend,
  };
}
