/** Bundles test files with esbuild so that ava starts plain JavaScript (half the time of a loader per file). */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from '../../core/bin/build.mjs';

/** Folders below test/ whose *.test.ts files are suites. */
export const SUITES = ['unit', 'golden', 'property', 'hot-swap', 'interop', 'e2e', 'fuzz'];
export const outDir = join(root, '.build', 'test');

function listTests(folder) {
  if (!existsSync(folder)) return [];
  const found = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...listTests(path));
    else if (entry.name.endsWith('.test.ts')) found.push(path);
  }
  return found;
}

/** Bundles every test below test/<suite>; returns nothing, throws on a build error. */
export async function bundleTests(suites = SUITES) {
  rmSync(outDir, { recursive: true, force: true });
  const entryPoints = suites.flatMap((suite) => listTests(join(root, 'test', suite)));
  await build({
    absWorkingDir: root,
    entryPoints,
    outbase: join(root, 'test'),
    outdir: outDir,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    alias: aliases(),
    loader: { '.html': 'text', '.css': 'text', '.svg': 'text', '.client.js': 'text' },
    sourcemap: true,
    // Each process reads the maps of all that it loads; the sources are there.
    sourcesContent: false,
    logLevel: 'warning',
  });
}

/** What `wcs-core` names inside the checkout; the same map as `paths` in tsconfig.json. */
export function aliases() {
  return {
    'wcs-core/testing': join(root, 'test/support/testing.ts'),
    'wcs-core/formats': join(root, 'core/formats'),
    'wcs-core/rtp': join(root, 'core/rtp'),
    'wcs-core/process': join(root, 'core/process'),
    'wcs-core': join(root, 'core/api.ts'),
  };
}
