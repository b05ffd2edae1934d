/**
 * `npm run build`: everything an installed package runs from, into dist/.
 *
 *   dist/core      the kernel (`main.js`) and the command for a running server (`remote.js`)
 *   dist/plugins   every plugin as one bundle
 *   dist/api       what `import … from 'wcs-core'` and 'wcs-core/testing' give outside of the server
 *   dist/formats, dist/rtp, dist/process   the libraries that plugins bundle, one module each
 *   dist/types     type declarations of all of these
 *
 * `npm start` in a checkout needs only the first of them and makes it by itself when a source is newer.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Absolute folder of the checkout or the installed package. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = join(root, 'dist');
/** What `wcs-core start` runs. */
export const kernelBundle = join(dist, 'core', 'main.js');
/** What every other command runs. */
export const remoteBundle = join(dist, 'core', 'remote.js');

/** True for the module that node was started with, also through a symbolic link. */
export function isMain(moduleUrl) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(moduleUrl);
}

/** npm packages stay external, so that the kernel and the plugins share their instances. */
const common = { absWorkingDir: root, bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'warning' };

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

/** True in a checkout whose kernel bundles are missing or older than a source of `core/`. An installed package has no sources. */
export function kernelIsStale() {
  if (!existsSync(join(root, 'core', 'main.ts'))) return false;
  const newest = newestSourceMs(join(root, 'core'));
  return [kernelBundle, remoteBundle].some((bundle) => !existsSync(bundle) || statSync(bundle).mtimeMs < newest);
}

/** Bundles the kernel and the remote command. */
export async function buildKernel() {
  const { build } = await import('esbuild');
  const entryPoints = { main: 'core/main.ts', remote: 'core/remote/remote.ts' };
  const { outputFiles } = await build({ ...common, entryPoints, outdir: 'dist/core', sourcemap: true, write: false });
  mkdirSync(join(dist, 'core'), { recursive: true });
  // Whole files only: another process may be starting from the same folder.
  for (const { path, contents } of outputFiles) {
    writeFileSync(`${path}.${process.pid}`, contents);
    renameSync(`${path}.${process.pid}`, path);
  }
}

/** Bundles each plugin with the kernel's own bundler, so that a release runs the code that a checkout runs. */
async function buildPlugins() {
  const { build } = await import('esbuild');
  await build({ ...common, entryPoints: ['core/plugin/prebuild.ts'], outdir: '.build/tools' });
  const { prebuildPlugins } = await import(pathToFileURL(join(root, '.build', 'tools', 'prebuild.js')).href);
  await prebuildPlugins({ from: join(root, 'plugins'), to: emptied('plugins'), librariesFolder: join(root, 'core') });
}

async function buildApi() {
  const { build } = await import('esbuild');
  const libraries = ['formats', 'rtp', 'process'].map((name) => [`wcs-core/${name}`, join(root, 'core', name)]);
  const alias = { ...Object.fromEntries(libraries), 'wcs-core': join(root, 'core/api.ts') };
  const entryPoints = { api: 'core/api.ts', testing: 'test/support/testing.ts' };
  await build({ ...common, entryPoints, alias, outdir: emptied('api'), splitting: true });
}

async function buildLibrary(name) {
  const { build } = await import('esbuild');
  await build({ ...common, entryPoints: [`core/${name}/**/*.ts`], outbase: `core/${name}`, outdir: emptied(name), splitting: true, chunkNames: 'shared/[hash]' });
}

function buildTypes() {
  const outDir = emptied('types');
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [tsc, '--project', join(root, 'tsconfig.types.json'), '--outDir', outDir], { stdio: 'inherit' });
  if (status !== 0) throw new Error('The type declarations could not be made.');
}

/** A folder of dist/ without anything of an earlier build. */
function emptied(name) {
  const folder = join(dist, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function sizeOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, file) => sum + statSync(join(file.parentPath, file.name)).size, 0);
  return `${String(files.length).padStart(4)} files ${(bytes / 1024).toFixed(0).padStart(6)} KiB`;
}

const STEPS = [
  ['kernel', 'core', buildKernel],
  ['plugins', 'plugins', buildPlugins],
  ['plugin API', 'api', buildApi],
  ['formats', 'formats', () => buildLibrary('formats')],
  ['RTP', 'rtp', () => buildLibrary('rtp')],
  ['process', 'process', () => buildLibrary('process')],
  ['types', 'types', buildTypes],
];

if (isMain(import.meta.url)) {
  const startedAt = performance.now();
  try {
    for (const [title, name, work] of STEPS) {
      await work();
      process.stdout.write(`${title.padEnd(11)} ${relative(root, join(dist, name)).padEnd(13)} ${sizeOf(join(dist, name))}\n`);
    }
    process.stdout.write(`Built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  } catch (error) {
    process.stderr.write(`The build failed: ${error.message}\n`);
    process.exitCode = 1;
  }
}
