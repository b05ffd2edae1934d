/**
 * Bundles the kernel, and for a release every plugin, with esbuild.
 *
 *   node core/bin/build.mjs            kernel + plugins + type declarations into dist/
 *
 * `buildKernel` is what `npm start` calls when dist/ is older than the sources.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';


export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const kernelBundle = join(root, 'dist', 'core', 'main.js');

/** Newest modification time (ms) of a TypeScript source below `folder`. */
function newestSourceMs(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSourceMs(path));
    else if (entry.name.endsWith('.ts')) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

/** True when the kernel bundle is missing or older than a source of `core/`. */
export function kernelIsStale() {
  return !existsSync(kernelBundle) || statSync(kernelBundle).mtimeMs < newestSourceMs(join(root, 'core'));
}

/** Bundles `core/main.ts`; npm packages stay external so that plugins share their instances. */
export async function buildKernel() {
  const { build } = await import('esbuild');
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'core/main.ts' },
    outdir: 'dist/core',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildKernel();
}
