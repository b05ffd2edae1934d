import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from '../temporary-folder.ts';

/** A life-cycle step in which a version may be made to throw. */
export type FaultyStep = 'module' | 'create' | 'prepare' | 'activate' | 'exportSession' | 'importSession' | 'drain' | 'reconfigure';

/** Steps whose failure must leave the previous version serving as if nothing had been asked. */
export const STEPS_BEFORE_SWITCH = ['module', 'create', 'prepare', 'activate'] as const satisfies readonly FaultyStep[];

/**
 * Versions of a plugin that behave alike but differ in code, and versions that throw on purpose: a file that wraps the
 * plugin's own entry, kept in the project so that the plugin's npm packages are found.
 */
export class PluginUnderTest {
  readonly name: string;
  readonly folder: string;
  readonly #entry: string;
  #revision = 0;

  /** @param entry absolute path of the plugin's entry file */
  constructor(name: string, entry: string) {
    this.name = name;
    this.#entry = entry;
    const parent = join(process.cwd(), '.build', 'conformance');
    mkdirSync(parent, { recursive: true });
    this.folder = temporaryFolder(undefined, parent);
    this.writeGood();
  }

  /** The next version: other text, same behaviour. */
  writeGood(): void {
    this.#write('export default definition;');
  }

  /** The next version: does its work in every step, then throws in one. */
  writeFaulty(step: FaultyStep): void {
    if (step === 'module') return this.#write('throw new Error("on purpose: module");');
    if (step === 'create') return this.#write('export default { ...definition, create: () => { throw new Error("on purpose: create"); } };');
    this.#write(`
      export default {
        ...definition,
        create: (ctx, container) => {
          const instance = definition.create(ctx, container);
          const original = instance.${step}?.bind(instance);
          const fail = () => { throw new Error('on purpose: ${step}'); };
          instance.${step} = (...parameters) => {
            const result = original?.(...parameters);
            return result instanceof Promise ? result.then(fail) : fail();
          };
          return instance;
        },
      };
    `);
  }

  remove(): void {
    removeFolder(this.folder);
  }

  #write(body: string): void {
    const lines = [`import definition from ${JSON.stringify(this.#entry)};`, `export const revision = ${++this.#revision};`, body];
    writeFileSync(join(this.folder, `${this.name}.plugin.js`), lines.join('\n'));
  }
}
