/** Bundles test files with esbuild so that ava starts plain JavaScript (half the time of a loader per file). */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';
import { root } from '../../core/bin/build.mjs';

/** Folders below test/ whose *.test.ts files are suites. */
export const SUITES = ['unit', 'golden', 'property', 'hot-swap', 'interop', 'e2e', 'fuzz'];
export const outDir = join(root, '.build', 'test');

/** Suites of small files: those of one folder share a process, as its start takes longer than most of them. */
const GROUPED_SUITES = ['unit', 'golden', 'property', 'fuzz'];
export const groupsDir = join(root, '.build', 'test-groups');

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

/** Writes a file for each folder of a grouped suite that loads all tests of it: `unit/net/*.test.js` by `unit/net.test.js`. */
function writeGroups() {
  rmSync(groupsDir, { recursive: true, force: true });
  const groups = new Map();
  for (const suite of GROUPED_SUITES) {
    for (const file of readdirSync(join(outDir, suite), { recursive: true }).map(String).filter((name) => name.endsWith('.test.js'))) {
      const [folder] = file.split('/');
      const group = join(groupsDir, suite, folder.endsWith('.test.js') ? folder : `${folder}.test.js`);
      groups.set(group, [...(groups.get(group) ?? []), relative(dirname(group), join(outDir, suite, file))]);
    }
  }
  for (const [group, files] of groups) {
    mkdirSync(dirname(group), { recursive: true });
    writeFileSync(group, files.map((file) => `import '${file}';\n`).join(''));
  }
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
  writeGroups();
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
