import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { BuildFailure, Message, Plugin } from 'esbuild';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import type { PluginSource } from './plugin-source.ts';

/** A plugin's code as one CommonJS text. */
export interface Bundle {
  readonly text: string;
  /** SHA-256 of the text, hex; equal hashes mean equal code. */
  readonly hash: string;
  /** Absolute paths of the files that went in, for the watcher. */
  readonly inputs: readonly string[];
}

/** What plugins import as `wcs-core/<name>/…` beside the kernel's API: code without state or effects. */
export const PURE_LIBRARIES = ['formats', 'rtp'] as const;

/**
 * Builds a plugin from its sources, or reads its prebuilt bundle. npm packages, built-ins and `wcs-core` stay outside;
 * the pure libraries (`PURE_LIBRARIES`) go in, so that a swap brings their changes too.
 *
 * @param librariesFolder absolute folder that holds a folder of each pure library
 * @throws WcsError PLUGIN_E_BUILD with file, line and column of each error, or when the prebuilt bundle can't be read
 */
export async function bundlePlugin(source: PluginSource, librariesFolder: string): Promise<Bundle> {
  if (source.prebuilt) return readBundle(source);
  // Loaded on first use: an installed server with prebuilt plugins only never needs the compiler.
  const { build } = await import('esbuild');
  try {
    const result = await build({
      entryPoints: [source.entry],
      absWorkingDir: source.folder,
      bundle: true,
      write: false,
      metafile: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      packages: 'external',
      alias: Object.fromEntries(PURE_LIBRARIES.map((name) => [`wcs-core/${name}`, join(librariesFolder, name)])),
      plugins: [sharedErrors],
      // `import()` becomes the kernel's require: a module loaded by import() could never be unloaded.
      supported: { 'dynamic-import': false },
      // What a plugin hands to browsers goes into its bundle as text; `core/text-modules.d.ts` declares the same endings.
      loader: { '.html': 'text', '.css': 'text', '.svg': 'text', '.client.js': 'text' },
      sourcemap: 'inline',
      sourcesContent: false,
      logLevel: 'silent',
      tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
    });
    const inputs = Object.keys(result.metafile.inputs).map((file) => resolve(source.folder, file));
    return bundleOf(result.outputFiles[0]?.text ?? '', inputs);
  } catch (error) {
    throw new WcsError('PLUGIN_E_BUILD', `Plugin ${source.name} does not compile: ${describe(error)}`, { cause: error });
  }
}

/** The error classes are the kernel's own instances, also for the pure libraries inside a bundle: `instanceof` holds across. */
const sharedErrors: Plugin = {
  name: 'shared errors',
  setup: (build) => build.onResolve({ filter: /\/errors\/wcs-error\.[jt]s$/ }, () => ({ path: 'wcs-core', external: true })),
};

async function readBundle({ name, entry }: PluginSource): Promise<Bundle> {
  try {
    return bundleOf(await readFile(entry, 'utf8'), [entry]);
  } catch (error) {
    throw new WcsError('PLUGIN_E_BUILD', `The bundle of plugin ${name} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

function bundleOf(text: string, inputs: readonly string[]): Bundle {
  return { text, hash: createHash('sha256').update(text).digest('hex'), inputs };
}

function describe(error: unknown): string {
  if (!isBuildFailure(error)) return String(error);
  return error.errors.map((message) => `${placeOf(message)}${message.text}`).join('; ');
}

function placeOf({ location }: Message): string {
  return location === null ? '' : `${location.file}:${location.line}:${location.column + 1}: `;
}

function isBuildFailure(error: unknown): error is BuildFailure {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors);
}
