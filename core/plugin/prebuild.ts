import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundlePlugin } from './bundler.ts';
import { discoverPlugins } from './plugin-source.ts';

/** Absolute folders of a build. */
export interface PrebuildFolders {
  /** Holds one plugin in each of its folders. */
  readonly from: string;
  /** Takes `<name>.cjs` of each. */
  readonly to: string;
  /** Holds a folder of each pure library that plugins bundle. */
  readonly librariesFolder: string;
}

/**
 * Writes the bundle of every plugin, as the loader of an installed server reads it.
 *
 * @returns the plugins' names
 * @throws WcsError PLUGIN_E_BUILD with file, line and column of each error
 */
export async function prebuildPlugins({ from, to, librariesFolder }: PrebuildFolders): Promise<readonly string[]> {
  await mkdir(to, { recursive: true });
  const sources = discoverPlugins(from);
  for (const source of sources) {
    const { text } = await bundlePlugin(source, librariesFolder);
    await writeFile(join(to, `${source.name}.cjs`), text);
  }
  return sources.map(({ name }) => name);
}
