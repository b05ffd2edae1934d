import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { InstalledPackage } from './installed-package.ts';
import { LineClient } from './line-client.ts';
import { until } from './until.ts';

/** One fenced block of the guide for plugins: its language, the words behind that, and its lines. */
export interface GuideBlock {
  readonly language: string;
  readonly word: string;
  readonly text: string;
}

/** The fenced blocks of a guide, in order. */
export function blocksOf(guide: string): readonly GuideBlock[] {
  return [...guide.matchAll(/^```(\w+) ?([^\n]*)\n(.*?)^```$/gms)].map(([, language = '', word = '', text = '']) => ({ language, word, text }));
}

/** Follows the guide in a project of its own: what a block says is done, and what it shows must be so. */
export class GuideReader {
  readonly #t: ExecutionContext;
  readonly #project: InstalledPackage;
  readonly #ports: readonly number[];
  #client: LineClient | undefined;
  #heard = 0;
  #isServing = false;

  /** @param ports of the echo plugin and of the HTTP server */
  constructor(t: ExecutionContext, project: InstalledPackage, ports: readonly number[]) {
    this.#t = t;
    this.#project = project;
    this.#ports = ports;
  }

  async follow({ language, word, text }: GuideBlock): Promise<void> {
    if (language === 'sh') return word === 'server' ? this.#startServer(text) : this.#runAll(word, text);
    if (language === 'talk') return this.#talk(text);
    if (language === 'yaml') return this.#configure(text);
    if (language === 'diff') {
      this.#edit(text);
      return;
    }
    this.#t.is(language, 'ts', text);
    const [kind, name = ''] = word.split('=');
    if (kind === 'plugin') return this.#addPlugin(name, text);
    this.#t.is(kind, 'excerpt', word);
    this.#t.true(readFileSync(join(this.#project.folder, 'echo', name), 'utf8').includes(text), `${name} has the excerpt`);
  }

  leave(): void {
    this.#client?.socket.destroy();
  }

  async #runAll(word: string, text: string): Promise<void> {
    const folder = word.startsWith('in=') ? word.slice('in='.length) : '.';
    for (const command of text.trim().split('\n')) {
      const { code, output } = await this.#project.run('bash', ['-c', command], folder);
      this.#t.is(code, word === 'fails' ? 1 : 0, `${command}\n${output}`);
    }
  }

  async #startServer(text: string): Promise<void> {
    const server = this.#project.start('bash', ['-c', `exec ${text.trim()}`]);
    let output = '';
    server.stdout?.on('data', (chunk) => (output += String(chunk)));
    server.stderr?.on('data', (chunk) => (output += String(chunk)));
    await until(() => output.includes('is running'), 'the server to start', 60_000);
    this.#t.false(output.includes('NOT SERVING'), output);
    this.#isServing = true;
  }

  async #talk(text: string): Promise<void> {
    this.#client ??= new LineClient(this.#ports[0] ?? 0);
    const client = this.#client;
    for (const line of text.trim().split('\n')) {
      const [, who, said = ''] = /^(you|server): +(.*)$/.exec(line) ?? [];
      if (who === 'you') client.socket.write(`${said}\n`);
      else this.#t.is(await until(() => client.lines[this.#heard], `the answer ${said}`, 30_000), said);
      if (who === 'server') this.#heard++;
    }
  }

  /** The guide's own lines, on free ports of the loopback interface, and without the plugins that it says nothing of. */
  async #configure(text: string): Promise<void> {
    const [echoPort, httpPort] = this.#ports;
    const { plugins } = parse(text) as { plugins: Record<string, Record<string, unknown>> };
    const others = readdirSync(join(this.#project.folder, 'node_modules/wcs-core/dist/plugins')).map((file) => [file.replace(/\.cjs$/, ''), { enabled: false }] as const);
    const all = { ...Object.fromEntries(others), ...plugins, echo: { ...plugins['echo'], port: echoPort }, http: { port: httpPort, tlsPort: 'off' } };
    writeFileSync(join(this.#project.folder, 'wcs.yml'), JSON.stringify({ network: { host: '127.0.0.1' }, plugins: all }));
    if (!this.#isServing) return;
    await until(async () => {
      const { code, output } = await this.#project.run('wcs-core', ['plugin', 'list', '--json']);
      // A busy machine may keep the server from answering in time.
      if (code !== 0) return false;
      const active = (JSON.parse(output) as { name: string; state: string }[]).filter(({ state }) => state === 'active').map(({ name }) => name);
      return Object.keys(plugins).every((name) => active.includes(name));
    }, 'the server to take the new wcs.yml', 60_000);
  }

  #edit(text: string): void {
    const [before = '', after = ''] = ['-', '+'].map((sign) => text.split('\n').find((line) => line.startsWith(sign))?.slice(1));
    const file = join(this.#project.folder, 'echo', 'echo.plugin.ts');
    const code = readFileSync(file, 'utf8');
    this.#t.true(code.includes(`${before}\n`), before);
    writeFileSync(file, code.replace(before, () => after));
  }

  async #addPlugin(name: string, text: string): Promise<void> {
    const folder = join(this.#project.folder, name);
    mkdirSync(folder);
    writeFileSync(join(folder, `${name}.plugin.ts`), text);
    writeFileSync(join(folder, 'tsconfig.json'), readFileSync(join(this.#project.folder, 'echo', 'tsconfig.json')));
    const { code, output } = await this.#project.run('tsc', ['--noEmit'], name);
    this.#t.is(code, 0, output);
  }
}
