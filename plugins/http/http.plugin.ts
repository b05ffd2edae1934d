import { readFile } from 'node:fs/promises';
import { IncomingMessage, ServerResponse } from 'node:http';
import { definePlugin, inject, injectable, TOKENS, WcsError, type HttpExchange, type KernelStatus, type MediaBus, type Metrics, type Operations, type PluginContext, type PluginInstance, type Sessions, type Users } from 'wcs-core';
import { createApp, type App } from './server/app.ts';
import { Gate } from './server/gate.ts';
import { overviewOperation } from './server/overview.ts';
import { Pages } from './server/pages.ts';
import { httpSettings, type HttpSettings } from './settings.ts';

/** The HTTP server at work: one router behind two kernel-held listeners. */
@injectable()
class HttpServer implements PluginInstance<HttpSettings> {
  #app: App | undefined;

  constructor(
    @inject(TOKENS.operations) private readonly operations: Operations,
    @inject(TOKENS.metrics) private readonly metrics: Metrics,
    @inject(TOKENS.sessions) private readonly sessions: Sessions,
    @inject(TOKENS.mediaBus) private readonly mediaBus: MediaBus,
    @inject(TOKENS.status) private readonly status: KernelStatus,
    @inject(TOKENS.users) private readonly users: Users,
  ) {}

  async prepare(ctx: PluginContext<HttpSettings>): Promise<void> {
    const { settings, log, scope, web } = ctx;
    const { operations, metrics, sessions, mediaBus, status } = this;
    const { hlsPort, hlsTlsPort, tlsPort } = settings;
    const hlsScript = await readFile(require.resolve('hls.js/dist/hls.min.js'));
    const pages = new Pages({ hlsPort, hlsTlsPort, tlsPort, hlsScript });
    const app = await createApp({ operations, metrics, status, gate: new Gate(this.users), pages, web, settings, log });
    scope.add('router', () => app.close());
    this.#app = app;
    ctx.operations.register(overviewOperation({ operations, metrics, sessions, mediaBus, status }));
    await listen(ctx, settings.port, false, app);
    if (settings.tlsPort !== 'off') await listen(ctx, settings.tlsPort, true, app);
  }

  /** Requests in flight finish with the version that got them. */
  async drain(): Promise<void> {
    await this.#app?.idle();
  }
}

async function listen({ listen, settings }: PluginContext<HttpSettings>, port: number, tls: boolean, app: App): Promise<void> {
  const { host, requestTimeoutMs, maxConnections } = settings;
  const options = { port, tls, http2: false, requestTimeoutMs, maxConnections, setting: `plugins.http.${tls ? 'tlsPort' : 'port'}`, ...(host === undefined ? {} : { host }) };
  await listen.http(options, { onRequest: (exchange) => serve(exchange, app) });
}

function serve({ request, response, signal }: HttpExchange, app: App): void {
  // The listeners speak HTTP/1.1 only, since they were asked for no other.
  if (!(request instanceof IncomingMessage && response instanceof ServerResponse)) throw new WcsError('INTERNAL_E_FAULT', 'The HTTP listener gave an HTTP/2 request.');
  app.handle(request, response, signal);
}

export default definePlugin({
  manifest: {
    name: 'http',
    version: '1.0.0',
    apiVersion: '^1.0.0',
    provides: ['http'],
    ports: { http: 'tcp:8081', https: 'tcp:8444' },
  },
  configSchema: httpSettings,
  create: (_ctx, container) => container.resolve(HttpServer),
});
