#!/usr/bin/env node
/**
 * Command of the package. `wcs-core start [--config FILE] [--state DIR] [--dev]` runs the server, `wcs-core create-plugin`
 * writes a plugin to begin with; everything else is an operation on a running server, e.g. `wcs-core plugin list`.
 *
 * `npm start` gives node `--max-semi-space-size=8`: the young generation holds garbage only, and at V8's default it takes
 * 16 MB more memory as soon as a crowd joins. Not in the first line above, since not every `env` takes arguments there.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildKernel, kernelBundle, kernelIsStale, remoteBundle, root } from './build.mjs';

const [command, ...args] = process.argv.slice(2);

if (command === 'create-plugin') {
  const { createPlugin } = await import('./create-plugin.mjs');
  process.exitCode = createPlugin(args);
} else {
  if (kernelIsStale()) await buildKernel();
  if (command === 'start') {
    process.setSourceMapsEnabled(true);
    const { start } = await import(pathToFileURL(kernelBundle).href);
    await start(root, args);
  } else {
    const { runRemote, processEnvironment } = await import(pathToFileURL(remoteBundle).href);
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    process.exitCode = await runRemote(process.argv.slice(2), processEnvironment(version));
  }
}
