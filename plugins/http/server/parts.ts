import type { FastifyRequest } from 'fastify';
import type { KernelStatus, Log, Metrics, Operations, PluginContext } from 'wcs-core';
import type { HttpSettings } from '../settings.ts';
import type { Admission, Gate } from './gate.ts';
import type { Pages } from './pages.ts';

/** What the routes are made of. */
export interface AppParts {
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly status: Pick<KernelStatus, 'health'>;
  readonly gate: Gate;
  readonly pages: Pages;
  /** Routes that other plugins answer. */
  readonly web: Pick<PluginContext['web'], 'find'>;
  readonly settings: Pick<HttpSettings, 'allowedOrigins'>;
  readonly log: Log;
  /** Aborted when the client of this request goes away before its answer. */
  signalOf(request: FastifyRequest): AbortSignal;
}

/**
 * Lets the sender of a request in.
 *
 * @throws HttpFailure 401 or 429
 */
export function admit(parts: Pick<AppParts, 'gate'>, request: FastifyRequest): Promise<Admission> {
  return parts.gate.admit(request.headers.authorization, addressOf(request));
}

/** IP address of the peer; empty when it is gone already. */
export function addressOf(request: FastifyRequest): string {
  return request.raw.socket.remoteAddress ?? '';
}
