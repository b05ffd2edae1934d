import type { AnyOperation, Caller } from 'wcs-core';
import type { Operator } from '../session/command-io.ts';
import { listingOf, type LiveValues } from '../session/completion.ts';

/** The part of the operation registry that completion needs. */
export interface Registry {
  list(): readonly AnyOperation[];
  call(name: string, input: unknown, call: { readonly caller: Caller; readonly signal: AbortSignal }): Promise<unknown>;
}

/** How long a tab key waits for a listing. */
const LISTING_TIMEOUT_MS = 1_000;

/** Completes a field by what the listing operation of its group answers: names of plugins, of streams, ids of sessions. */
export function liveValuesOf(registry: Registry, operator: Operator): LiveValues {
  return async (command, field) => {
    const role = operator.role();
    const listing = command.operation === undefined ? undefined : listingOf(command.operation, registry.list());
    if (listing === undefined || role === undefined) return [];
    const caller: Caller = { kind: 'cli', user: operator.name, role, address: operator.address };
    try {
      const signal = AbortSignal.timeout(LISTING_TIMEOUT_MS);
      const rows = await Promise.race([registry.call(listing.name, {}, { caller, signal }), aborted(signal)]);
      return Array.isArray(rows) ? rows.flatMap((row: unknown) => valueIn(row, field.name)) : [];
    } catch {
      // Nothing to list, or not allowed: there is nothing to offer.
      return [];
    }
  };
}

function valueIn(row: unknown, name: string): string[] {
  if (typeof row !== 'object' || row === null) return [];
  const value = new Map<string, unknown>(Object.entries(row)).get(name);
  return typeof value === 'string' ? [value] : [];
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined), { once: true }));
}
