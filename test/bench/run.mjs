/**
 * `npm run bench [WORD ...]`: runs the benchmarks whose name contains a WORD (all without one) and prints each figure
 * with its ratio against the baseline measured in the same run.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildKernel, root } from '../../core/bin/build.mjs';
import { aliases } from '../support/bundle-tests.mjs';

const words = process.argv.slice(2);
const folder = join(root, 'test', 'bench');
const outdir = join(root, '.build', 'bench');
const names = readdirSync(folder).filter((file) => file.endsWith('.bench.ts') && (words.length === 0 || words.some((word) => file.includes(word))));
rmSync(outdir, { recursive: true, force: true });
await buildKernel();
await build({
  absWorkingDir: root,
  entryPoints: names.map((name) => join(folder, name)),
  outdir,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  packages: 'external',
  alias: aliases(),
  logLevel: 'warning',
});
for (const name of names) {
  const { default: bench } = await import(pathToFileURL(join(outdir, name.replace(/\.ts$/, '.js'))).href);
  process.stdout.write(`\n${bench.name} …\n`);
  const { title, rows } = await bench.run();
  process.stdout.write(`${title}\n`);
  for (const { what, value, unit, ratio } of rows) {
    const text = ratio === undefined ? '' : `   ratio ${ratio.toFixed(3)}`;
    process.stdout.write(`  ${what.padEnd(58)} ${value.toPrecision(4).padStart(10)} ${unit}${text}\n`);
  }
}
process.exit(0);
