import type { z } from 'zod';
import { messageOf } from '../errors/wcs-error.ts';
import { diffTrees, maskSetting, type Change } from './diff.ts';
import { environmentLayer, type Environment, type EnvironmentLayer } from './environment.ts';
import { evaluate, type Evaluated, type Evaluation, type PluginSettings } from './evaluate.ts';
import { FORBIDDEN_KEYS, isTree, leaves, mergeTrees, sourceOf, spellOutSwitches, treeOf, type Source, type Tree } from './layers.ts';
import { openStateDir, readConfigText, readOverrides, writeOverrides } from './load.ts';
import { configError, type Problem } from './problem.ts';
import type { KernelSettings } from './schema.ts';
import { watchFile } from './watch.ts';
import { parseYaml, type YamlSettings } from './yaml-problems.ts';

/** Where the configuration is. */
export interface ConfigOptions {
  /** Path of wcs.yml; it need not exist unless `fileRequired`. */
  readonly file?: string;
  readonly fileRequired?: boolean;
  /** Folder of the run-time settings; made when it is missing. */
  readonly stateDir: string;
  readonly env: Environment;
}

/** What a file would change, or why it can't be used. */
export interface Preview {
  readonly changes: readonly Change[];
  readonly problems: readonly Problem[];
}

type Valid = Extract<Evaluation, { kernel: KernelSettings }>;

/** What everything else is made from: the texts as given. */
interface Inputs {
  readonly yaml: YamlSettings;
  readonly overrides: Tree;
  readonly schemas: ReadonlyMap<string, z.ZodType>;
}

interface State {
  readonly inputs: Inputs;
  readonly environment: EnvironmentLayer;
  readonly evaluated: Evaluated;
  readonly result: Valid;
}

/** The settings of kernel and plugins: defaults < wcs.yml < environment < run time. Valid as a whole at every moment. */
export class Config {
  readonly #options: ConfigOptions;
  readonly #listeners = new Set<{ readonly onChange: (changes: readonly Change[]) => void }>();
  /** Schemas by plugin, newest last. A released one must not be reachable: it would keep its generation's code in memory. */
  readonly #registered = new Map<string, readonly { readonly schema: z.ZodType }[]>();
  #state: State;
  /** Run-time changes follow one another, so that none writes over another. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(options: ConfigOptions, state: State) {
    this.#options = options;
    this.#state = state;
  }

  /** @throws WcsError CONFIG_E_INVALID with every problem's line and key; CONFIG_E_UNREADABLE */
  static async load(options: ConfigOptions): Promise<Config> {
    await openStateDir(options.stateDir);
    const yaml = parseYaml(readConfigText(options.file, options.fileRequired ?? false));
    const overrides = await readOverrides(options.stateDir);
    const state = stateOf({ yaml, overrides, schemas: new Map() }, options.env);
    if (Array.isArray(state)) throw configError(options.file ?? 'The configuration is not valid', state);
    return new Config(options, state);
  }

  get kernel(): KernelSettings {
    return this.#state.result.kernel;
  }

  /** A plugin's section; an empty one when nothing names the plugin. */
  plugin(name: string): PluginSettings {
    return this.#state.result.plugins.get(name) ?? { enabled: undefined, settings: {} };
  }

  /** Every plugin that a layer or a registered schema names. */
  plugins(): ReadonlyMap<string, PluginSettings> {
    return this.#state.result.plugins;
  }

  /** Which layer a setting's present value comes from; for a section, the highest with something in it. */
  source(path: string): Source {
    return sourceOf(this.#state.evaluated.layers, path.split('.'));
  }

  /** All settings in force, defaults included, with secrets masked. */
  entries(): { readonly path: string; readonly value: unknown; readonly source: Source }[] {
    const { layers } = this.#state.evaluated;
    return [...leaves(this.#state.result.tree)].map(({ path, value }) => ({ path: path.join('.'), value: maskSetting(path, value), source: sourceOf(layers, path) }));
  }

  /** Variables that begin with `WCS_` and match no setting, for a warning once all plugins are registered. */
  unmatchedVariables(): readonly string[] {
    return this.#state.environment.unmatched;
  }

  /**
   * Validates a plugin's settings by its own schema from now on, until the returned release is called.
   *
   * @throws WcsError CONFIG_E_INVALID when the present settings don't pass; nothing is registered then
   */
  registerPluginSchema(name: string, schema: z.ZodType): () => void {
    const entry = { schema };
    this.#use({ ...this.#state.inputs, schemas: new Map([...this.#state.inputs.schemas, [name, schema]]) }, `The settings of plugin ${name} are not valid`);
    this.#registered.set(name, [...(this.#registered.get(name) ?? []), entry]);
    return () => {
      const rest = (this.#registered.get(name) ?? []).filter((other) => other !== entry);
      if (rest.length === 0) this.#registered.delete(name);
      else this.#registered.set(name, rest);
      this.#fallBack(name, rest.at(-1)?.schema);
    };
  }

  /** What a text of wcs.yml, or the file as it is now, would change. Changes nothing. */
  preview(text?: string): Preview {
    const next = this.#read(text);
    return Array.isArray(next) ? { changes: [], problems: next } : { changes: this.#changesTo(next), problems: [] };
  }

  /** Takes the file as it is now; an invalid one changes nothing. Listeners of `watch` are told of changes. */
  reload(): Preview {
    const next = this.#read();
    if (Array.isArray(next)) return { changes: [], problems: next };
    const changes = this.#changesTo(next);
    this.#state = next;
    this.#tell(changes);
    return { changes, problems: [] };
  }

  /**
   * Sets a value at run time, over file and environment, and keeps it for the next start. Listeners of `watch` are told too.
   *
   * @throws WcsError CONFIG_E_INVALID; nothing is changed then
   */
  set(path: string, value: unknown): Promise<readonly Change[]> {
    return this.#write((overrides) => {
      const words = path.split('.');
      if (words.some((word) => word === '' || FORBIDDEN_KEYS.includes(word))) throw configError('Not set', [fault(path, 'not the path of a setting')]);
      if (value === undefined || value === null) throw configError('Not set', [fault(path, 'a value is needed; use unset to go back to the file')]);
      const rest = Object.entries(overrides).filter(([other]) => !isAtOrBelow(other, path));
      return Object.fromEntries([...rest, [path, JSON.parse(JSON.stringify(value)) as unknown]]);
    });
  }

  /** Forgets what was set at run time at or below a path. */
  unset(path: string): Promise<readonly Change[]> {
    return this.#write((overrides) => Object.fromEntries(Object.entries(overrides).filter(([other]) => !isAtOrBelow(other, path))));
  }

  /** Follows the file and run-time changes until the returned release is called; a file that is not valid is reported and changes nothing. */
  watch(onChange: (changes: readonly Change[]) => void, onProblem: (problems: readonly Problem[]) => void): () => Promise<void> {
    const listener = { onChange };
    this.#listeners.add(listener);
    let reported = '';
    const check = (): void => {
      const { problems } = this.reload();
      const report = JSON.stringify(problems);
      if (problems.length > 0 && report !== reported) onProblem(problems);
      reported = report;
    };
    const stop = this.#options.file === undefined ? () => Promise.resolve() : watchFile(this.#options.file, check);
    return () => {
      this.#listeners.delete(listener);
      return stop();
    };
  }

  /** Goes back to an older schema; to none when there is none, or when the settings have changed past it. */
  #fallBack(name: string, schema: z.ZodType | undefined): void {
    if (this.#state.inputs.schemas.get(name) === schema) return;
    const { inputs } = this.#state;
    const without = new Map([...inputs.schemas].filter(([other]) => other !== name));
    const candidates = [...(schema === undefined ? [] : [new Map(without).set(name, schema)]), without];
    const state = candidates.map((schemas) => stateOf({ ...inputs, schemas }, this.#options.env)).find((next) => !Array.isArray(next));
    if (state !== undefined && !Array.isArray(state)) this.#state = state;
  }

  #read(text?: string): State | Problem[] {
    try {
      const yaml = parseYaml(text ?? readConfigText(this.#options.file, this.#options.fileRequired ?? false));
      return stateOf({ ...this.#state.inputs, yaml }, this.#options.env);
    } catch (error) {
      return [fault('', messageOf(error))];
    }
  }

  #use(inputs: Inputs, what: string): readonly Change[] {
    const next = stateOf(inputs, this.#options.env);
    if (Array.isArray(next)) throw configError(what, next);
    const changes = this.#changesTo(next);
    this.#state = next;
    return changes;
  }

  #changesTo(next: State): Change[] {
    return diffTrees(this.#state.result.tree, next.result.tree, next.evaluated.layers);
  }

  #tell(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    for (const listener of [...this.#listeners]) listener.onChange(changes);
  }

  #write(edit: (overrides: Tree) => Tree): Promise<readonly Change[]> {
    const write = this.#lastWrite.then(async () => {
      const overrides = edit(this.#state.inputs.overrides);
      const checked = stateOf({ ...this.#state.inputs, overrides }, this.#options.env);
      if (Array.isArray(checked)) throw configError('Not set', checked);
      await writeOverrides(this.#options.stateDir, overrides);
      // From the inputs of this moment: the file may have been read again during the write.
      const changes = this.#use({ ...this.#state.inputs, overrides }, 'Not set');
      this.#tell(changes);
      return changes;
    });
    this.#lastWrite = write.catch(() => undefined);
    return write;
  }
}

function stateOf(inputs: Inputs, env: Environment): State | Problem[] {
  const { yaml, overrides, schemas } = inputs;
  if (yaml.problems.length > 0) return [...yaml.problems];
  const runtime = mergeTrees(Object.entries(overrides).map(([path, value]) => spellOutSwitches(treeOf(path.split('.'), value))));
  const named = [yaml.tree, runtime].flatMap(({ plugins }) => (isTree(plugins) ? Object.keys(plugins) : []));
  const environment = environmentLayer(env, schemas, named);
  const evaluated: Evaluated = {
    layers: { file: yaml.tree, environment: environment.tree, runtime },
    place: (path) => yaml.place(path),
    variables: environment.variables,
  };
  const result = evaluate(evaluated, schemas);
  return result.kernel === undefined ? [...result.problems] : { inputs, environment, evaluated, result };
}

function isAtOrBelow(path: string, top: string): boolean {
  return path === top || path.startsWith(`${top}.`);
}

function fault(key: string, message: string): Problem {
  return { line: 0, column: 0, key, message };
}

