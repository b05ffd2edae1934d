import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Kernel } from '../../core/kernel.ts';
import { discoverPlugins, discoverPrebuilt } from '../../core/plugin/plugin-source.ts';
import { KeptState } from './kept-state.ts';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';

export { freePorts } from './free-ports.ts';

/** Folder of the checkout or, in the tests of somebody's plugin, of the installed package. */
export const checkout = installationOf(dirname(fileURLToPath(import.meta.url)));

/** How a kernel is set up for a test. */
export interface TestKernelOptions {
  /** Settings by plugin; only the plugins named here are enabled. */
  readonly plugins?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Further sections of wcs.yml. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Folder that stands for the installation; by default the checkout. */
  readonly root?: string;
  /** Folder that relative plugin paths and plugins' npm packages are looked up from. */
  readonly packagesFrom?: string;
}

/** A running kernel in this process, on loopback, with its own state folder. */
export interface TestKernel {
  readonly kernel: Kernel;
  readonly folder: string;
  /** The last log lines (JSON). */
  readonly logLines: string[];
  /** The user `admin`'s password. */
  readonly password: string;
  /** Calls an operation as administrator. */
  call(name: string, input?: unknown): Promise<unknown>;
  /** Stops the kernel and removes its folder. */
  stop(): Promise<void>;
}

const PASSWORD = 'test-password';
const keptState = new KeptState(join(checkout, '.build'));
/** Enough for a test to look at, too few to look like a leak. */
const LOG_LINES_KEPT = 500;

/** Starts a kernel; every plugin of the checkout that is not named is off. */
export async function startTestKernel(options: TestKernelOptions = {}): Promise<TestKernel> {
  const folder = temporaryFolder();
  const root = options.root ?? checkout;
  const others = pluginNames(root).filter((name) => options.plugins?.[name] === undefined);
  const plugins = { ...Object.fromEntries(others.map((name) => [name, { enabled: false }])), ...options.plugins };
  // JSON is YAML.
  writeFileSync(join(folder, 'wcs.yml'), JSON.stringify({ network: { host: '127.0.0.1' }, ...options.config, plugins }));
  const logLines: string[] = [];
  const stateDir = join(folder, 'state');
  await keptState.begin(stateDir, PASSWORD);
  const kernel = await Kernel.create({
    root,
    stateDir,
    configFile: join(folder, 'wcs.yml'),
    ...(options.packagesFrom === undefined ? {} : { packagesFrom: options.packagesFrom }),
    writeLog: (line) => {
      logLines.push(line);
      if (logLines.length > LOG_LINES_KEPT) logLines.shift();
    },
  });
  keptState.keep(stateDir);
  await kernel.start();
  return {
    kernel,
    folder,
    logLines,
    password: PASSWORD,
    call: (name, input) =>
      kernel.parts.operations.call(name, input, { caller: { kind: 'kernel', user: 'test', role: 'admin' }, signal: new AbortController().signal }),
    stop: async () => {
      await kernel.stop();
      removeFolder(folder);
    },
  };
}

/** Names of the plugins of an installation. */
export function pluginNames(root = checkout): string[] {
  return [...discoverPrebuilt(join(root, 'dist', 'plugins')), ...discoverPlugins(join(root, 'plugins'))].map(({ name }) => name);
}

/** The folder at or above `folder` that holds the command of this package. */
function installationOf(folder: string): string {
  if (existsSync(join(folder, 'core', 'bin', 'wcs-core.mjs'))) return folder;
  const parent = dirname(folder);
  if (parent === folder) throw new Error('The tests run neither in a checkout nor with an installed wcs-core.');
  return installationOf(parent);
}
