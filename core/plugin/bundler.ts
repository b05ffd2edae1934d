import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { BuildFailure, BuildOptions, Message, Plugin } from 'esbuild';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { Compiler } from './compiler.ts';
import type { PluginSource } from './plugin-source.ts';

/** A plugin's code as one CommonJS text. */
export interface Bundle {
  readonly text: string;
  /** SHA-256 of the text, hex; equal hashes mean equal code. */
  readonly hash: string;
  /** Absolute paths of the files that went in, for the watcher. */
  readonly inputs: readonly string[];
}

const compiler = new Compiler();

/** What plugins import as `wcs-core/<name>/…` beside the kernel's API: code without a state of its own. */
export const PURE_LIBRARIES = ['formats', 'rtp', 'process'] as const;

/**
 * Builds a plugin from its sources, or reads its prebuilt bundle. npm packages, built-ins and `wcs-core` stay outside;
 * the pure libraries (`PURE_LIBRARIES`) go in, so that a swap brings their changes too, and so does the code of the
 * plugin's child processes: `import code from './x.child.ts?text'` gives that module, bundled, as a text for `ctx.spawnModule`.
 *
 * @param librariesFolder absolute folder that holds a folder of each pure library
 * @throws WcsError PLUGIN_E_BUILD with file, line and column of each error, or when the prebuilt bundle can't be read
 */
export async function bundlePlugin(source: PluginSource, librariesFolder: string): Promise<Bundle> {
  if (source.prebuilt) return readBundle(source);
  try {
    const children = new ChildModules(librariesFolder);
    const result = await compiler.use((build) => build({ ...optionsFor(source.entry, librariesFolder), metafile: true, plugins: [sharedErrors, children.plugin] }));
    const own = Object.keys(result.metafile.inputs).filter((input) => !input.startsWith(`${CHILD_NAMESPACE}:`));
    const inputs = new Set([...own.map((file) => resolve(dirname(source.entry), file)), ...children.inputs]);
    return bundleOf(result.outputFiles[0]?.text ?? '', [...inputs]);
  } catch (error) {
    throw new WcsError('PLUGIN_E_BUILD', `Plugin ${source.name} does not compile: ${describe(error)}`, { cause: error });
  }
}

/** The options of the two kinds of bundles; each is one CommonJS text. */
function optionsFor(entry: string, librariesFolder: string) {
  return {
    entryPoints: [entry],
    absWorkingDir: dirname(entry),
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    packages: 'external',
    alias: Object.fromEntries(PURE_LIBRARIES.map((name) => [`wcs-core/${name}`, join(librariesFolder, name)])),
    // `import()` becomes the kernel's require: a module loaded by import() could never be unloaded.
    supported: { 'dynamic-import': false },
    // What a plugin hands to browsers goes into its bundle as text; `core/text-modules.d.ts` declares the same endings.
    loader: { '.html': 'text', '.css': 'text', '.svg': 'text', '.client.js': 'text' },
    sourcemap: 'inline',
    sourcesContent: false,
    logLevel: 'silent',
    tsconfigRaw: { compilerOptions: { experimentalDecorators: true, useDefineForClassFields: false } },
  } as const satisfies BuildOptions;
}

/**
 * The module that a child process runs, as one CommonJS text: everything of ours goes in, npm packages stay outside.
 *
 * @param entry absolute path of a `.child.ts` file
 * @returns the text and the absolute paths of the files that went in
 */
export async function bundleChildModule(entry: string, librariesFolder: string): Promise<Pick<Bundle, 'text' | 'inputs'>> {
  const { outputFiles, metafile } = await compiler.use((build) => build({ ...optionsFor(entry, librariesFolder), sourcemap: false, metafile: true }));
  return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs).map((file) => resolve(dirname(entry), file)) };
}

const CHILD_NAMESPACE = 'child-module';

/** Answers imports of `x.child.ts?text`. */
class ChildModules {
  readonly plugin: Plugin;
  /** Absolute paths of the files that went into them. */
  readonly inputs = new Set<string>();

  constructor(librariesFolder: string) {
    this.plugin = {
      name: 'child modules',
      setup: (build) => {
        build.onResolve({ filter: /\.child\.[jt]s\?text$/ }, ({ path, resolveDir }) => ({ path: resolve(resolveDir, path.slice(0, -'?text'.length)), namespace: CHILD_NAMESPACE }));
        build.onLoad({ filter: /.*/, namespace: CHILD_NAMESPACE }, async ({ path }) => {
          const { text, inputs } = await bundleChildModule(path, librariesFolder);
          for (const input of inputs) this.inputs.add(input);
          return { contents: text, loader: 'text' };
        });
      },
    };
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
