import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { messageOf, WcsError } from '../errors/wcs-error.ts';

/** Where a plugin's code comes from. */
export interface PluginSource {
  readonly name: string;
  /** Folder whose node_modules the plugin's packages come from. */
  readonly folder: string;
  /** Absolute path of the entry file. */
  readonly entry: string;
  /** True when `entry` is a bundle made by `npm run build`. */
  readonly prebuilt: boolean;
}

const ENTRY = /^(?<name>[a-z][a-z0-9-]*)\.plugin\.(?:ts|mjs|cjs|js)$/;
const PREBUILT = /^(?<name>[a-z][a-z0-9-]*)\.cjs$/;

/** The plugins in the sub-folders of `parent`, one per folder that holds `<name>.plugin.ts` (or .js, .mjs, .cjs). */
export function discoverPlugins(parent: string): PluginSource[] {
  if (!isFolder(parent)) return [];
  return readdirSync(parent, { withFileTypes: true })
    .filter((entry) => isFolder(join(parent, entry.name)))
    .map((entry) => entryOf(join(parent, entry.name)))
    .filter((source) => source !== undefined);
}

/** The bundles that `npm run build` left in `folder`. */
export function discoverPrebuilt(folder: string): PluginSource[] {
  if (!isFolder(folder)) return [];
  return readdirSync(folder).flatMap((file) => {
    const name = PREBUILT.exec(file)?.groups?.name;
    return name === undefined ? [] : [{ name, folder, entry: join(folder, file), prebuilt: true }];
  });
}

/**
 * The plugin in one folder: `<name>.plugin.*`, else the `wcsPlugin` or `main` file of its package.json.
 *
 * @throws WcsError PLUGIN_E_NOT_FOUND saying what was looked for
 */
export function pluginFromFolder(name: string, folder: string): PluginSource {
  const found = entryOf(resolve(folder)) ?? entryOfPackage(name, resolve(folder));
  if (found === undefined) {
    throw new WcsError('PLUGIN_E_NOT_FOUND', `Plugin ${name}: ${folder} holds neither ${name}.plugin.ts (or .js) nor a package.json with "wcsPlugin" or "main".`);
  }
  return { ...found, name };
}

/**
 * The plugin that an npm package is, looked up from `from`.
 *
 * @throws WcsError PLUGIN_E_NOT_FOUND when the package is not installed
 */
export function pluginFromPackage(name: string, packageName: string, from: string): PluginSource {
  for (const nodeModules of createRequire(join(from, 'index.js')).resolve.paths(packageName) ?? []) {
    if (existsSync(join(nodeModules, packageName, 'package.json'))) return pluginFromFolder(name, join(nodeModules, packageName));
  }
  throw new WcsError('PLUGIN_E_NOT_FOUND', `Plugin ${name}: the package ${packageName} is not installed; run \`npm install ${packageName}\`.`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readManifest(name: string, file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new WcsError('PLUGIN_E_NOT_FOUND', `Plugin ${name}: ${file} is no readable package.json: ${messageOf(error)}`, { cause: error });
  }
}

function entryOf(folder: string): PluginSource | undefined {
  if (!isFolder(folder)) return undefined;
  const file = readdirSync(folder).find((entry) => ENTRY.test(entry));
  if (file === undefined) return undefined;
  return { name: ENTRY.exec(file)?.groups?.name ?? basename(folder), folder, entry: join(folder, file), prebuilt: false };
}

function entryOfPackage(name: string, folder: string): PluginSource | undefined {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return undefined;
  const manifest = readManifest(name, file);
  if (typeof manifest !== 'object' || manifest === null) return undefined;
  const main = 'wcsPlugin' in manifest ? manifest.wcsPlugin : 'main' in manifest ? manifest.main : undefined;
  if (typeof main !== 'string') return undefined;
  const entry = resolve(folder, main);
  return existsSync(entry) ? { name, folder: dirname(file), entry, prebuilt: false } : undefined;
}
