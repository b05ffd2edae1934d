/** `node test/support/run-some.mjs WORD ...`: bundles the tests and runs those whose path contains a WORD. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { relative } from 'node:path';
import { root } from '../../core/bin/build.mjs';
import { bundleTests, outDir } from './bundle-tests.mjs';

const words = process.argv.slice(2);
await bundleTests();
const files = readdirSync(outDir, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.test.js') && words.some((word) => file.includes(word)))
  .map((file) => relative(root, `${outDir}/${file}`));
if (files.length === 0) {
  process.stderr.write(`No test file has ${words.join(' or ')} in its path.\n`);
  process.exit(1);
}
const { status } = spawnSync('npx', ['ava', ...files], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
