/** Statements that a toy plugin runs in its steps; `ctx` is at hand. */
export interface ToyPlugin {
  readonly module?: string;
  readonly create?: string;
  readonly prepare?: string;
  readonly activate?: string;
  /** Methods of the instance, comma-separated. */
  readonly methods?: string;
  /** Fields of the manifest beside name, version and API version, comma-separated. */
  readonly manifest?: string;
}

/** Code of a plugin without listeners that offers the operation `<name>.version`, which answers `version`. */
export function toyPlugin(name: string, version: string, { module = '', create = '', prepare = '', activate = '', methods = '', manifest = '' }: ToyPlugin = {}): string {
  return `
    import { definePlugin, WcsError, type PluginContext } from 'wcs-core';
    import { z } from 'zod';
    ${module}
    const register = (ctx, verb, handler) => ctx.operations.register({ name: '${name}.' + verb, summary: 's', role: 'viewer', input: z.object({}).loose(), handler });
    export default definePlugin({
      manifest: { name: '${name}', version: '1.0.0', apiVersion: '^1.0.0', ${manifest} },
      configSchema: z.looseObject({}),
      create: (ctx: PluginContext) => {
        ${create}
        return {
          async prepare() {
            register(ctx, 'version', () => '${version}');
            ${prepare}
          },
          activate() { ${activate} },
          ${methods}
        };
      },
    });
  `;
}
