#!/usr/bin/env node
/**
 * Command of the package. `wcs-core start [--config FILE] [--state DIR] [--dev]` runs the server; everything else is an
 * operation on a running server, e.g. `wcs-core plugin list` (see core/bin/remote.mjs).
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildKernel, kernelBundle, kernelIsStale, root } from './build.mjs';

const [command, ...args] = process.argv.slice(2);

if (command === 'start') {
  process.setSourceMapsEnabled(true);
  if (existsSync(join(root, 'core', 'main.ts')) && kernelIsStale()) await buildKernel();
  const { start } = await import(pathToFileURL(kernelBundle).href);
  await start(root, args);
} else {
  const { runRemote } = await import('./remote.mjs');
  process.exitCode = await runRemote(process.argv.slice(2));
}
