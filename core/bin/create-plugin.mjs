/**
 * `npm run create-plugin -- NAME [--js] [--dir FOLDER]`, or `wcs-core create-plugin …` where the package is installed:
 * writes a plugin that works at once, as a copy of the example of its language under another name.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { parseArgs } from 'node:util';
import { isMain, root } from './build.mjs';

const USAGE = 'Write: npm run create-plugin -- NAME [--js] [--dir FOLDER]';
const NAME = /^[a-z][a-z0-9-]{0,62}[a-z0-9]$/;

/** What is copied: the folder below examples/, the name that is replaced in it, and the port it listens on. */
const TEMPLATES = {
  ts: { folder: 'hello-ts', name: 'hello', port: 7007 },
  js: { folder: 'clock-js', name: 'clock', port: 7013 },
};

/** In a checkout the examples are checked with the server's own settings; a plugin elsewhere needs these. */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2022',
    module: 'preserve',
    lib: ['es2023'],
    types: ['node'],
    strict: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: true,
    experimentalDecorators: true,
    useDefineForClassFields: false,
    skipLibCheck: true,
    noEmit: true,
  },
  include: ['*.ts'],
};

/** Runs the command; returns its exit code, 2 for a wrong command line. */
export function createPlugin(args) {
  try {
    const { name, folder, template } = wishOf(args);
    writePlugin(name, folder, template);
    process.stdout.write(nextSteps(name, folder, template));
    return 0;
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

function wishOf(args) {
  const options = { js: { type: 'boolean', default: false }, dir: { type: 'string', default: '.' } };
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new Error(USAGE);
  if (!NAME.test(name)) throw new Error(`${JSON.stringify(name)} is no name for a plugin: use 2 to 64 lower-case letters, digits and dashes, beginning with a letter, e.g. line-echo.`);
  if (isTaken(name)) throw new Error(`The server has a plugin ${name} already; choose another name.`);
  const folder = resolve(values.dir, name);
  if (existsSync(folder)) throw new Error(`${shown(folder)} exists already; choose another name, or another folder with --dir.`);
  return { name, folder, template: values.js ? TEMPLATES.js : TEMPLATES.ts };
}

function isTaken(name) {
  return existsSync(join(root, 'plugins', name)) || existsSync(join(root, 'dist', 'plugins', `${name}.cjs`));
}

function writePlugin(name, folder, template) {
  const from = join(root, 'examples', template.folder);
  const files = readdirSync(from, { withFileTypes: true }).filter((entry) => entry.isFile());
  mkdirSync(folder, { recursive: true });
  for (const { name: file } of files) {
    const text = renamed(readFileSync(join(from, file), 'utf8'), template.name, name).replaceAll(`./${name} }`, `${shown(folder)} }`);
    writeFileSync(join(folder, renamed(file, template.name, name)), file === 'package.json' ? withDependency(text, folder) : text);
  }
  if (template === TEMPLATES.ts) writeFileSync(join(folder, 'tsconfig.json'), `${JSON.stringify(TSCONFIG, undefined, 2)}\n`);
}

/** Metrics are named with underscores, all else as the plugin. */
function renamed(text, from, to) {
  return text.replace(new RegExp(`\\b${from}(?=_)`, 'g'), to.replaceAll('-', '_')).replace(new RegExp(`\\b${from}\\b`, 'g'), to);
}

/** The server that the plugin's tests run with: this checkout, or the release that is installed. */
function withDependency(text, folder) {
  const manifest = JSON.parse(text);
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const isCheckout = existsSync(join(root, 'core', 'main.ts'));
  manifest.devDependencies['wcs-core'] = isCheckout ? `file:${relative(folder, root).replaceAll(sep, '/')}` : `^${version}`;
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

function nextSteps(name, folder, { port }) {
  const entry = readdirSync(folder).find((file) => file.startsWith(`${name}.plugin.`));
  return `Plugin ${name} is written to ${shown(folder)}.

Turn it on with these lines in wcs.yml:

  plugins:
    ${name}: { path: ${shown(folder)} }

With the server running, talk to it:    nc 127.0.0.1 ${port}
Edit ${entry} and swap it in, connections and all:
                                        npx wcs-core plugin reload ${name}
`;
}

/** A folder as a person in the working folder would write it. */
function shown(folder) {
  const path = relative(process.cwd(), folder);
  return path.startsWith('..') ? folder : `./${path.replaceAll(sep, '/')}`;
}

if (isMain(import.meta.url)) process.exitCode = createPlugin(process.argv.slice(2));
