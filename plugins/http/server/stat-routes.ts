import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../wire/peer-address.ts';
import { formatStatJson, formatStatText, parseStatSelection, selectStats } from '../wire/stat-page.ts';
import { addressOf, admit, type AppParts } from './parts.ts';

const PROMETHEUS = 'text/plain; version=0.0.4; charset=utf-8';

/** `/?action=stat`, `/metrics` and `/health`; any other `/` is the dashboard. */
export function addStatRoutes(app: FastifyInstance, parts: AppParts): void {
  app.get('/', async (request, reply) => {
    const query = new URL(request.url, 'http://localhost').searchParams;
    if (query.get('action') !== 'stat') return parts.pages.send(reply, 'index.html');
    await checkReader(parts, request);
    return sendStats(parts, reply, query);
  });

  app.get('/metrics', async (request, reply) => {
    await checkReader(parts, request);
    return reply.type(PROMETHEUS).header('Access-Control-Allow-Origin', '*').send(await parts.metrics.prometheus());
  });

  app.get('/health', (request, reply) => {
    const { status, plugins, version, uptimeMs } = parts.status.health();
    // Open to everyone; the sentence of an error may name files and settings, which is for those on this machine.
    const shown = isLocal(request) ? plugins : plugins.map(({ name, state, generation }) => ({ name, state, generation }));
    return reply
      .code(status === 'ok' || status === 'degraded' ? 200 : 503)
      .header('Access-Control-Allow-Origin', '*')
      .header('Cache-Control', 'no-store')
      .send({ status, version, uptimeMs, plugins: shown });
  });
}

function sendStats(parts: AppParts, reply: FastifyReply, query: URLSearchParams): FastifyReply {
  const groups = selectStats(parts.metrics.groups(), parseStatSelection(query));
  void reply.header('Access-Control-Allow-Origin', '*').header('Cache-Control', 'no-store');
  if (query.get('format') === 'json') return reply.send(formatStatJson(groups));
  return reply.type('text/plain; charset=utf-8').send(formatStatText(groups));
}

/** Monitoring on this machine needs no password. */
async function checkReader(parts: AppParts, request: FastifyRequest): Promise<void> {
  if (!isLocal(request)) await admit(parts, request);
}

/** A proxy on this machine speaks for others. */
function isLocal(request: FastifyRequest): boolean {
  const { 'x-forwarded-for': forwardedFor, forwarded } = request.headers;
  return isLoopback(addressOf(request)) && forwardedFor === undefined && forwarded === undefined;
}
