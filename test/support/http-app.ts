import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Log } from '../../core/log/log.ts';
import { Metrics } from '../../core/metrics/metrics.ts';
import { WcsError } from '../../core/errors/wcs-error.ts';
import { looseBoolean, looseNumber } from '../../core/operations/loose.ts';
import { Operations } from '../../core/operations/operations.ts';
import { WebRoutes } from '../../core/web/web-routes.ts';
import { createApp, type App } from '../../plugins/http/server/app.ts';
import { Gate } from '../../plugins/http/server/gate.ts';
import type { Health } from '../../core/control/status.ts';
import { Pages } from '../../plugins/http/server/pages.ts';

/** Authorization headers of the two users of the test server. */
export const ADMIN = `Basic ${Buffer.from('admin:secret').toString('base64')}`;
export const VIEWER = `Basic ${Buffer.from('viewer:look').toString('base64')}`;

const PASSWORDS = new Map([
  ['admin', { password: 'secret', role: 'admin' as const }],
  ['viewer', { password: 'look', role: 'viewer' as const }],
]);

/** The router of the http plugin on a loopback port, with registries of its own and no kernel. */
export interface HttpTestServer {
  readonly base: string;
  readonly port: number;
  readonly app: App;
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly web: WebRoutes;
  readonly server: Server;
  readonly errors: string[];
  health: Health;
  /** POST as JSON with the admin's credentials. */
  post(path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface HttpTestOptions {
  readonly allowedOrigins?: readonly string[];
  readonly hlsPort?: number;
  readonly hlsScript?: string | Buffer;
}

export async function startHttpApp(options: HttpTestOptions = {}): Promise<HttpTestServer> {
  const [operations, metrics, web, errors] = [new Operations(), new Metrics(), new WebRoutes(), [] as string[]];
  addSampleOperations(operations);
  const state: { health: Health } = { health: { status: 'ok', version: '9.9.9', uptimeMs: 5000, plugins: [{ name: 'http', state: 'active', generation: 'http@1' }] } };
  const { hlsPort = 8082, hlsScript = '"hls"' } = options;
  const app = await createApp({
    operations,
    metrics,
    web,
    status: { health: () => state.health },
    gate: new Gate({ verify: (name, password) => Promise.resolve(PASSWORDS.get(name)?.password === password ? { name, role: PASSWORDS.get(name)!.role, sshPublicKeys: [] } : undefined) }),
    pages: new Pages({ hlsPort, hlsTlsPort: 8445, tlsPort: 8444, hlsScript }),
    settings: { allowedOrigins: [...(options.allowedOrigins ?? [])] },
    log: recordingLog(errors),
  });
  const server = createServer({ connectionsCheckingInterval: 100 }, (request, response) => {
    const gone = new AbortController();
    response.once('close', () => response.writableFinished || gone.abort());
    app.handle(request, response, gone.signal);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}`;
  return {
    ...{ base, port, app, operations, metrics, web, server, errors },
    get health() {
      return state.health;
    },
    set health(next) {
      state.health = next;
    },
    post: (path, body, headers = {}) =>
      fetch(base + path, { method: 'POST', headers: { authorization: ADMIN, ...headers }, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }) }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await app.close();
    },
  };
}

function addSampleOperations(operations: Operations): void {
  const streamFilter = z.object({ name: z.string().optional().describe('Stream name'), published: looseBoolean().optional(), limit: looseNumber().optional() });
  operations.register({ name: 'stream.find', summary: 'Find streams', role: 'viewer', input: streamFilter, output: z.array(z.object({ name: z.string().optional() })), handler: (input): object[] => (input.name === 'none' ? [] : [input]) });
  operations.register({ name: 'stream.find_all', summary: 'All streams', role: 'viewer', input: z.object({}), handler: () => [] });
  operations.register({ name: 'stream.terminate', summary: 'Stop streams', role: 'admin', input: z.object({ name: z.string() }), aliases: ['stream.stop'], handler: () => undefined });
  const failures = { invalid: 'OPERATION_E_INPUT', refused: 'ACCESS_E_REFUSED', notFound: 'MEDIA_E_NOT_FOUND', conflict: 'OPERATION_E_CONFLICT', busy: 'NET_E_PORT_EXHAUSTED', internal: 'MEDIA_E_SOURCE_FAILED' } as const;
  operations.register({
    name: 'test.fail',
    summary: 'Fails as told',
    role: 'viewer',
    input: z.object({ kind: z.enum(['invalid', 'refused', 'notFound', 'conflict', 'busy', 'internal', 'bug']) }),
    handler: ({ kind }) => {
      if (kind === 'bug') throw new TypeError('secret internals');
      throw new WcsError(failures[kind], `It is ${kind}.`, { details: { kind } });
    },
  });
  operations.register({ name: 'test.who', summary: 'Who calls', role: 'viewer', input: z.object({}), handler: (_input, { caller }) => caller });
}

function recordingLog(errors: string[]): Log {
  const log: Log = { level: 'info', isEnabled: () => true, trace: () => undefined, debug: () => undefined, info: () => undefined, warn: () => undefined, error: (message) => void errors.push(message), child: () => log };
  return log;
}
