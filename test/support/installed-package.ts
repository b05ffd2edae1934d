import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';
import { checkout } from './test-kernel.ts';

const run = promisify(execFile);

/** How a command ended. */
export interface CommandResult {
  readonly code: number;
  /** Standard output, then standard error. */
  readonly output: string;
}

let packed: Promise<string> | undefined;

/** Builds and packs the release; gives the path of the tarball. */
async function pack(): Promise<string> {
  const folder = temporaryFolder();
  await run(process.execPath, [join(checkout, 'core/bin/build.mjs')], { cwd: checkout });
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: checkout });
  return join(folder, readdirSync(folder).find((file) => file.endsWith('.tgz')) ?? '');
}

/** A project with the packed release installed, as `npm install wcs-core` leaves it; other packages are those of the checkout. */
export class InstalledPackage {
  readonly folder = temporaryFolder();
  readonly #running: ChildProcess[] = [];
  readonly #variables: Readonly<Record<string, string>>;

  private constructor(variables: Readonly<Record<string, string>>) {
    this.#variables = variables;
  }

  /** Installs the release, which is built and packed once; `variables` join the environment of every command. */
  static async install(variables: Readonly<Record<string, string>> = {}): Promise<InstalledPackage> {
    packed ??= pack();
    const tarball = await packed;
    const project = new InstalledPackage(variables);
    const modules = join(project.folder, 'node_modules');
    mkdirSync(join(modules, 'wcs-core'), { recursive: true });
    await run('tar', ['-xzf', tarball, '--strip-components', '1', '-C', join(modules, 'wcs-core')]);
    const packages = readdirSync(join(checkout, 'node_modules')).filter((name) => !name.startsWith('.'));
    for (const name of packages) symlinkSync(join(checkout, 'node_modules', name), join(modules, name));
    cpSync(join(checkout, 'node_modules', '.bin'), join(modules, '.bin'), { recursive: true, verbatimSymlinks: true });
    symlinkSync('../wcs-core/core/bin/wcs-core.mjs', join(modules, '.bin', 'wcs-core'));
    return project;
  }

  /** Runs a command below the project; resolves however it ends. */
  async run(command: string, args: readonly string[], folder = '.'): Promise<CommandResult> {
    try {
      const { stdout, stderr } = await run(command, [...args], { cwd: join(this.folder, folder), env: this.#env() });
      return { code: 0, output: stdout + stderr };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: `${stdout}${stderr}` };
    }
  }

  /** Starts a command and keeps it running until `remove()`. */
  start(command: string, args: readonly string[]): ChildProcess {
    // In a group of its own: a command that npx started is ended together with it.
    const child = spawn(command, [...args], { cwd: this.folder, env: this.#env(), detached: true });
    this.#running.push(child);
    return child;
  }

  /** Ends what was started and removes the project. */
  async remove(): Promise<void> {
    await Promise.all(this.#running.map(endGroup));
    removeFolder(this.folder);
  }

  #env(): NodeJS.ProcessEnv {
    const path = `${join(this.folder, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`;
    return { ...process.env, PATH: path, WCS_ADMIN_PASSWORD: 'test-password', FORCE_COLOR: '0', ...this.#variables };
  }
}

/** Ends a command with everything that it started; resolves when nobody holds its output any more. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const closed = new Promise((resolve) => child.once('close', resolve));
  if (child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGTERM');
  await closed;
}
