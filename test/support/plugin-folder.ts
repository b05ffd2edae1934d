import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeFolder, temporaryFolder } from './temporary-folder.ts';

/** A plugin in a folder of its own, whose code a test rewrites. */
export class PluginFolder {
  readonly folder: string;
  readonly name: string;

  constructor(name: string, code: string) {
    this.name = name;
    this.folder = temporaryFolder();
    mkdirSync(this.folder, { recursive: true });
    this.write(code);
  }

  /** Replaces the plugin's code; it takes effect at the next reload. */
  write(code: string): void {
    writeFileSync(join(this.folder, `${this.name}.plugin.ts`), code);
  }

  remove(): void {
    removeFolder(this.folder);
  }
}
