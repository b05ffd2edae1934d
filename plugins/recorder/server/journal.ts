import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerType } from '../wire/container.ts';
import type { NameFacts } from '../wire/file-name.ts';

/** A file in the making, with all that its name and the reports about it are made of. Plain data. */
export interface PartTicket {
  /** Unique; names the entry of the journal. */
  readonly id: string;
  readonly template: string;
  readonly facts: NameFacts;
  readonly container: ContainerType;
  /** Takes the place of an older file of the same name. */
  readonly overwrite: boolean;
}

/** What is remembered of a file that is not complete. */
export interface JournalEntry extends PartTicket {
  /** Which run of the server writes it. */
  readonly run: string;
  /** Below the folder of recordings; of the complete file, where only the rewriting is left to do. */
  readonly path: string;
  readonly isWhole: boolean;
}

const ENDING = '.json';

/** This run of the server: the same for every version of the plugin in it, another after a restart. */
export const THIS_RUN = `${process.pid}@${performance.timeOrigin}`;

/** Which files are being written, kept in the state folder: what a crash leaves behind is found by it. */
export class Journal {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** On the disk when it resolves. */
  async write(entry: JournalEntry): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const path = this.#pathOf(entry.id);
    const draft = await open(`${path}.new`, 'w', 0o600);
    try {
      await draft.writeFile(JSON.stringify(entry));
      await draft.datasync();
    } finally {
      await draft.close();
    }
    await rename(`${path}.new`, path);
  }

  async remove(id: string): Promise<void> {
    await rm(this.#pathOf(id), { force: true });
  }

  /** Entries of earlier runs; what cannot be read is removed. */
  async leftovers(): Promise<readonly JournalEntry[]> {
    const names = await readdir(this.#folder).catch(() => []);
    const entries: JournalEntry[] = [];
    for (const name of names.filter((each) => each.endsWith(ENDING))) {
      const entry = await this.#read(name);
      if (entry === undefined) await rm(join(this.#folder, name), { force: true });
      else if (entry.run !== THIS_RUN) entries.push(entry);
    }
    return entries;
  }

  async #read(name: string): Promise<JournalEntry | undefined> {
    try {
      // Written by `write` above.
      const entry = JSON.parse(await readFile(join(this.#folder, name), 'utf8')) as JournalEntry;
      return typeof entry.path === 'string' && typeof entry.run === 'string' && `${entry.id}${ENDING}` === name ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  #pathOf(id: string): string {
    return join(this.#folder, `${id}${ENDING}`);
  }
}
