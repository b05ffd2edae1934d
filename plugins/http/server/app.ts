import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { messageOf, WcsError, type Log } from 'wcs-core';
import { parseJsonBody } from '../wire/json-body.ts';
import { answerOf } from '../wire/rest-error.ts';
import { addApiDocumentRoute } from './api-document.ts';
import { addPageRoutes } from './pages.ts';
import type { AppParts } from './parts.ts';
import { addRestRoutes } from './rest-routes.ts';
import { addStatRoutes } from './stat-routes.ts';
import { answerByRoute, splitTarget } from './web-routes.ts';

/** A request body is no longer than this. */
export const BODY_MAX_BYTES = 1024 * 1024;

/** The router at work: requests come from the kernel's listeners through `handle`. */
export interface App {
  /** @param signal aborted when the client goes away before its answer */
  handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): void;
  /** Resolves when no request is in flight. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Builds the router with all routes. It listens nowhere: the kernel holds the ports. */
export async function createApp(parts: Omit<AppParts, 'signalOf'>): Promise<App> {
  const app = fastify({
    serverFactory: (handler) => createServer(handler),
    bodyLimit: BODY_MAX_BYTES,
    exposeHeadRoutes: true,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    frameworkErrors: (error, _request, reply) => void answerError(parts.log, error, reply),
  });
  const signals = new WeakMap<IncomingMessage, AbortSignal>();
  // Clients of old send JSON under any content type, or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (request: FastifyRequest, body: string, done: (error: Error | null, value?: unknown) => void) => {
    // Whoever asks for nothing of ours is told so, whatever was sent.
    if (request.is404) done(null);
    else parseBody(body, done);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => answerError(parts.log, error, reply));
  app.setNotFoundHandler((request, reply) => answerError(parts.log, new WcsError('OPERATION_E_UNKNOWN', `There is nothing at ${request.url.split('?', 1)[0]?.slice(0, 200) ?? ''}.`), reply));
  const complete: AppParts = { ...parts, signalOf: (request) => signals.get(request.raw) ?? AbortSignal.abort() };
  addStatRoutes(app, complete);
  addRestRoutes(app, complete);
  addApiDocumentRoute(app, complete);
  addPageRoutes(app, parts.pages);
  await app.ready();
  return new FlightCounter(app, signals, parts);
}

/** Counts requests in flight, so that a version of the plugin that is replaced can finish them. */
class FlightCounter implements App {
  readonly #app: FastifyInstance;
  readonly #signals: WeakMap<IncomingMessage, AbortSignal>;
  readonly #parts: Pick<AppParts, 'web' | 'log'>;
  #inFlight = 0;
  #onIdle: (() => void)[] = [];

  constructor(app: FastifyInstance, signals: WeakMap<IncomingMessage, AbortSignal>, parts: Pick<AppParts, 'web' | 'log'>) {
    this.#app = app;
    this.#signals = signals;
    this.#parts = parts;
  }

  handle(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): void {
    this.#inFlight++;
    response.once('close', () => this.#landed());
    const route = this.#parts.web.find(splitTarget(request.url ?? '/')[0]);
    if (route !== undefined) {
      void answerByRoute(route, request, response, signal, this.#parts.log);
      return;
    }
    this.#signals.set(request, signal);
    this.#app.routing(request, response);
  }

  idle(): Promise<void> {
    return this.#inFlight === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve));
  }

  async close(): Promise<void> {
    await this.#app.close();
  }

  #landed(): void {
    if (--this.#inFlight > 0) return;
    for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}

function parseBody(body: string, done: (error: Error | null, value?: unknown) => void): void {
  try {
    done(null, parseJsonBody(body));
  } catch (error) {
    done(error instanceof Error ? error : new Error(String(error)));
  }
}

function answerError(log: Log, error: unknown, reply: FastifyReply): FastifyReply {
  const { status, headers, body, isFault } = answerOf(error);
  if (isFault) log.error(`${reply.request.method} ${reply.request.url.split('?', 1)[0] ?? ''} failed: ${messageOf(error)}`, { err: error });
  return reply.code(status).headers(headers).type('application/json; charset=utf-8').send(JSON.stringify(body));
}
