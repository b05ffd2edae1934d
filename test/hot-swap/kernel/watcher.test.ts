import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { PluginWatcher } from '../../../core/plugin/watcher.ts';
import { PluginFolder } from '../../support/plugin-folder.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import { startTestKernel } from '../../support/test-kernel.ts';
import { toyPlugin } from '../../support/toy-plugin.ts';
import { until } from '../../support/until.ts';

test.serial('an edit is a swap, a broken edit is reported, a mended one serves; a file of the kernel asks for a restart', async (t) => {
  const kernelFolder = temporaryFolder(t);
  mkdirSync(join(kernelFolder, 'media'));
  writeFileSync(join(kernelFolder, 'media', 'bus.ts'), '');
  const toy = new PluginFolder('toy', toyPlugin('toy', 'v1'));
  const off = new PluginFolder('off', toyPlugin('off', 'v1'));
  const kernel = await startTestKernel({ plugins: { toy: { path: toy.folder }, off: { path: off.folder, enabled: false } } });
  const { host, parts } = kernel.kernel;
  const watcher = new PluginWatcher(host, parts.log, kernelFolder, [toy.folder, off.folder]);
  try {
    await watcher.ready();
    off.write(toyPlugin('off', 'v2'));
    toy.write(toyPlugin('toy', 'v2'));
    await until(async () => (await kernel.call('toy.version')) === 'v2', 'the edited code');
    toy.write('const = broken');
    await until(() => host.slot('toy').error?.code === 'PLUGIN_E_BUILD', 'the report');
    t.is(await kernel.call('toy.version'), 'v2');
    t.true(kernel.logLines.some((line) => line.includes('does not compile')));
    toy.write(toyPlugin('toy', 'v3'));
    await until(async () => (await kernel.call('toy.version')) === 'v3', 'the mended code');
    t.is(host.slot('off').state, 'disabled', 'what is switched off stays off');
    cpSync(join(toy.folder, 'toy.plugin.ts'), join(kernelFolder, 'media', 'bus.ts'));
    await until(() => kernel.logLines.some((line) => line.includes('A file of the kernel changed; restart the server')), 'the warning');
  } finally {
    await watcher.close();
    await kernel.stop();
    toy.remove();
    off.remove();
  }
});
