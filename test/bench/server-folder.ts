import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ServerProcess } from './server-process.ts';
import { removeFolder, temporaryFolder } from '../support/temporary-folder.ts';

/** What a benchmark changes about the server besides its plugins. */
export interface ServerChanges {
  /** Settings below `network`. */
  readonly network?: Readonly<Record<string, unknown>>;
  /** Options of node before the program. */
  readonly nodeOptions?: readonly string[];
}

/** Runs our server with these plugins only, in a process of its own, while `work` measures it. */
export async function withServer<T>(plugins: Readonly<Record<string, Readonly<Record<string, unknown>>>>, port: number, work: (server: ServerProcess) => Promise<T>, changes: ServerChanges = {}): Promise<T> {
  const folder = temporaryFolder();
  const off = Object.fromEntries(readdirSync('plugins').map((name) => [name, { enabled: false }]));
  writeFileSync(join(folder, 'wcs.yml'), JSON.stringify({ network: { host: '127.0.0.1', ...changes.network }, log: { level: 'warn' }, plugins: { ...off, ...plugins } }));
  const server = await ServerProcess.start(process.execPath, [...(changes.nodeOptions ?? []), ...startArguments(), '--config', join(folder, 'wcs.yml'), '--state', join(folder, 'state')], port);
  try {
    return await work(server);
  } finally {
    await server.stop();
    removeFolder(folder);
  }
}

/** What `npm start` gives to node: a benchmark measures the server as users start it. */
function startArguments(): readonly string[] {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { readonly scripts: { readonly start: string } };
  return scripts.start.split(' ').slice(1);
}
