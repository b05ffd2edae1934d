import semver from 'semver';
import { z } from 'zod';
import { WcsError } from '../errors/wcs-error.ts';
import { PLUGIN_API_VERSION, type PluginDefinition } from './contract.ts';

const manifestSchema = z.object({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/, 'lower-case letters, digits and dashes'),
  version: z.string().refine((text) => semver.valid(text) !== null, 'a semantic version such as 1.0.0'),
  apiVersion: z.string().refine((text) => semver.validRange(text) !== null, 'a semver range such as ^1.0.0'),
  requires: z.array(z.string()).optional(),
  after: z.array(z.string()).optional(),
  provides: z.array(z.string()).optional(),
  ports: z.record(z.string(), z.string()).optional(),
  handoff: z.number().int().positive().optional(),
  enabledByDefault: z.boolean().optional(),
});

/**
 * Checks what a plugin module exported: shape, manifest, name and API version.
 *
 * @throws WcsError PLUGIN_E_MANIFEST or PLUGIN_E_API_VERSION, saying which field and what was expected
 */
export function checkDefinition(exported: unknown, name: string): PluginDefinition {
  if (!isDefinition(exported)) {
    throw new WcsError('PLUGIN_E_MANIFEST', `Plugin ${name}: its module must \`export default definePlugin({ manifest, create })\`.`);
  }
  const parsed = manifestSchema.safeParse(exported.manifest);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `manifest.${issue.path.join('.')}: ${issue.message}`);
    throw new WcsError('PLUGIN_E_MANIFEST', `Plugin ${name}: ${problems.join('; ')}.`);
  }
  if (parsed.data.name !== name) {
    throw new WcsError('PLUGIN_E_MANIFEST', `Plugin ${name} calls itself ${parsed.data.name} in its manifest; use one name for both.`);
  }
  if (!semver.satisfies(PLUGIN_API_VERSION, parsed.data.apiVersion)) {
    const sentence = `Plugin ${name} is written for plugin API ${parsed.data.apiVersion}; this server has ${PLUGIN_API_VERSION}.`;
    throw new WcsError('PLUGIN_E_API_VERSION', sentence, { details: { wanted: parsed.data.apiVersion, present: PLUGIN_API_VERSION } });
  }
  return exported;
}

function isDefinition(exported: unknown): exported is PluginDefinition {
  return typeof exported === 'object' && exported !== null && 'manifest' in exported && 'create' in exported && typeof exported.create === 'function';
}
