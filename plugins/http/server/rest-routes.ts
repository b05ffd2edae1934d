import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { WcsError, type AnyOperation } from 'wcs-core';
import { mayWrite } from '../wire/origin.ts';
import { plainAddress } from '../wire/peer-address.ts';
import { HttpFailure } from '../wire/rest-error.ts';
import { isFind, operationNameOf } from '../wire/rest-path.ts';
import { addressOf, admit, type AppParts } from './parts.ts';

const METHODS = 'GET, HEAD, POST, OPTIONS';

/**
 * Every operation of the kernel and the plugins under `/rest-api/` and `/rest-api/v3/`. Operations come and go with their
 * plugins, so that the one route looks the operation up when a request comes.
 */
export function addRestRoutes(app: FastifyInstance, parts: AppParts): void {
  app.all<{ Params: { '*': string } }>('/rest-api/*', async (request, reply) => {
    const name = operationNameOf(request.params['*']);
    const operation = name === undefined ? undefined : parts.operations.get(name);
    allowOrigin(request, reply, operation, parts.settings.allowedOrigins);
    if (request.method === 'OPTIONS') return preflight(reply);
    checkMethod(request, operation);
    const { user, role } = await admit(parts, request);
    if (operation === undefined) throw new WcsError('OPERATION_E_UNKNOWN', `There is no operation at ${request.url.split('?', 1)[0] ?? ''}; /openapi.json lists all of them.`);
    checkOrigin(request, operation, parts.settings.allowedOrigins);
    const result = await parts.operations.call(operation.name, inputOf(request), {
      caller: { kind: 'rest', user, role, address: plainAddress(addressOf(request)) },
      signal: parts.signalOf(request),
    });
    return sendResult(reply, operation, result);
  });
}

/** Reads may be read by any page that knows a password; what changes something is open to listed origins only. */
function allowOrigin(request: FastifyRequest, reply: FastifyReply, operation: AnyOperation | undefined, allowed: readonly string[]): void {
  const { origin } = request.headers;
  if (operation?.role !== 'admin') void reply.header('Access-Control-Allow-Origin', '*');
  else if (origin !== undefined && (allowed.includes('*') || allowed.includes(origin))) void reply.header('Access-Control-Allow-Origin', origin).header('Vary', 'Origin');
}

function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .header('Access-Control-Allow-Methods', METHODS)
    .header('Access-Control-Allow-Headers', 'Authorization, Content-Type, Prefer')
    .header('Access-Control-Max-Age', '600')
    .send();
}

/** GET never changes anything: a browser sends it from any page without an `Origin`. */
function checkMethod(request: FastifyRequest, operation: AnyOperation | undefined): void {
  const { method } = request;
  if (method === 'POST') return;
  if (method !== 'GET' && method !== 'HEAD') throw new HttpFailure(405, 'OPERATION_E_INPUT', `Send POST, not ${method}.`, { Allow: METHODS });
  if (operation?.role === 'admin') throw new HttpFailure(405, 'OPERATION_E_INPUT', `${operation.name} changes something; send POST.`, { Allow: 'POST, OPTIONS' });
}

function checkOrigin(request: FastifyRequest, operation: AnyOperation, allowed: readonly string[]): void {
  if (operation.role !== 'admin') return;
  const { origin, host, 'sec-fetch-site': fetchSite } = request.headers;
  if (mayWrite({ origin, host, fetchSite: fetchSite?.toString() }, allowed)) return;
  throw new WcsError('ACCESS_E_REFUSED', `Pages of ${origin ?? 'another site'} may not change this server; plugins.http.allowedOrigins lists those that may.`);
}

/** The body; without one the query string, whose values are texts. */
function inputOf(request: FastifyRequest): unknown {
  return request.body ?? { ...(request.query as Record<string, unknown>) };
}

function sendResult(reply: FastifyReply, operation: AnyOperation, result: unknown): FastifyReply {
  if (result === undefined || result === null) return reply.code(200).send();
  if (Array.isArray(result) && result.length === 0 && isFind(operation.name)) {
    throw new WcsError('OPERATION_E_EMPTY', `${operation.name} found nothing.`);
  }
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(result));
}
