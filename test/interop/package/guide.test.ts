import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import { ERRORS } from '../../../core/errors/codes.ts';
import { InstalledPackage } from '../../support/installed-package.ts';
import { LineClient } from '../../support/line-client.ts';
import { checkout, freePorts } from '../../support/test-kernel.ts';
import { until } from '../../support/until.ts';

const guide = readFileSync(join(checkout, 'docs/PLUGINS.md'), 'utf8');

/** One fenced block: its language, the words behind that, and its lines. */
interface Block {
  readonly language: string;
  readonly word: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...guide.matchAll(/^```(\w+) ?([^\n]*)\n(.*?)^```$/gms)].map(([, language = '', word = '', text = '']) => ({ language, word, text }));

/** Follows the guide in a project of its own: what a block says is done, and what it shows must be so. */
class Reader {
  readonly #t: ExecutionContext;
  readonly #project: InstalledPackage;
  readonly #ports: readonly number[];
  #client: LineClient | undefined;
  #heard = 0;
  #isServing = false;

  constructor(t: ExecutionContext, project: InstalledPackage, ports: readonly number[]) {
    this.#t = t;
    this.#project = project;
    this.#ports = ports;
  }

  async follow({ language, word, text }: Block): Promise<void> {
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
    await until(() => output.includes('is running'), 'the server to start');
    this.#t.false(output.includes('NOT SERVING'), output);
    this.#isServing = true;
  }

  async #talk(text: string): Promise<void> {
    this.#client ??= new LineClient(this.#ports[0] ?? 0);
    const client = this.#client;
    for (const line of text.trim().split('\n')) {
      const [, who, said = ''] = /^(you|server): +(.*)$/.exec(line) ?? [];
      if (who === 'you') client.socket.write(`${said}\n`);
      else this.#t.is(await until(() => client.lines[this.#heard], `the answer ${said}`), said);
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
      const { output } = await this.#project.run('wcs-core', ['plugin', 'list', '--json']);
      const active = (JSON.parse(output) as { name: string; state: string }[]).filter(({ state }) => state === 'active').map(({ name }) => name);
      return Object.keys(plugins).every((name) => active.includes(name));
    }, 'the server to take the new wcs.yml');
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

test.serial('a reader who follows the guide word for word gets what it says', async (t) => {
  t.timeout(240_000);
  const ports = await freePorts(2);
  const project = await InstalledPackage.install({ WCS_URL: `http://127.0.0.1:${ports[1] ?? 0}` });
  const reader = new Reader(t, project, ports);
  try {
    for (const block of blocks) await reader.follow(block);
  } finally {
    reader.leave();
    await project.remove();
  }
});

test('the guide explains every error code of plugins', (t) => {
  for (const code of Object.keys(ERRORS).filter((each) => each.startsWith('PLUGIN_E_'))) t.true(guide.includes(`| \`${code}\` |`), code);
});

test('the guide names files and folders that exist', (t) => {
  const named = [...guide.matchAll(/`(examples\/[\w./-]+)`/g)].map(([, path = '']) => path);
  t.true(named.length > 0);
  for (const path of named) t.true(existsSync(join(checkout, path)), path);
});
