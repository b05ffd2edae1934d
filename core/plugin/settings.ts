import type { z } from 'zod';
import { WcsError } from '../errors/wcs-error.ts';

/**
 * Settings of a plugin as its own schema reads them, defaults filled in.
 *
 * @throws WcsError CONFIG_E_INVALID naming each setting and what is wrong with it
 */
export function parseSettings(name: string, schema: z.ZodType | undefined, raw: Readonly<Record<string, unknown>>): unknown {
  if (schema === undefined) return raw;
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `plugins.${[name, ...issue.path].join('.')}: ${issue.message}`);
  throw new WcsError('CONFIG_E_INVALID', problems.join('; '));
}
