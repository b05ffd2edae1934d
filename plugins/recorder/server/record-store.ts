import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { containedPath, WcsError } from 'wcs-core';
import { expandTemplate, partPath, type EndFacts } from '../wire/file-name.ts';
import { Journal, THIS_RUN, type JournalEntry, type PartTicket } from './journal.ts';
import { openOnDisk, type DiskFile, type OpenFile } from './part-file.ts';

/** Marks a file that is not complete. */
export const PART_MARK = '.part';
/** Files of one name, at most. */
const MAX_SAME_NAME = 1000;

/** The folder of recordings: makes files, gives them their names, and remembers those that are not complete. */
export class RecordStore {
  readonly root: string;
  readonly journal: Journal;
  readonly #open: OpenFile;

  /** @param stateFolder the plugin's own, for the journal */
  constructor(folder: string, stateFolder: string, openFile: OpenFile = openOnDisk) {
    this.root = resolve(folder);
    this.journal = new Journal(join(stateFolder, 'journal'));
    this.#open = openFile;
  }

  get openFile(): OpenFile {
    return this.#open;
  }

  /** The absolute path. @throws WcsError ACCESS_E_REFUSED when it would leave the folder */
  absolute(path: string): string {
    return containedPath(this.root, path);
  }

  relative(path: string): string {
    return relative(this.root, path);
  }

  /** Makes the file of a part; it is in the journal before it has a byte. @throws WcsError ACCESS_E_REFUSED, or what the disk refuses */
  async create(ticket: PartTicket): Promise<{ readonly file: DiskFile; readonly path: string }> {
    const name = partPath(expandTemplate(ticket.template, ticket.facts), undefined, ticket.container);
    const { file, path } = await this.#firstFree((suffix) => `${name}${suffix}${PART_MARK}`);
    try {
      await this.journal.write({ ...ticket, run: THIS_RUN, path: this.relative(path), isWhole: false });
    } catch (error) {
      await file.close();
      throw error;
    }
    return { file, path };
  }

  /**
   * Gives a complete file its name: the template's, or the next one that is free.
   *
   * @returns the absolute path
   */
  async settle(ticket: PartTicket, path: string, end: EndFacts, part: number | undefined): Promise<string> {
    const name = partPath(expandTemplate(ticket.template, ticket.facts, end), part, ticket.container);
    const settled = ticket.overwrite ? this.absolute(name) : await this.#reserve(name, ticket.container);
    await rename(path, settled);
    await syncFolder(dirname(settled));
    return settled;
  }

  /** Only the rewriting of a complete file is left to do. */
  async remember(ticket: PartTicket, settled: string): Promise<void> {
    await this.journal.write({ ...ticket, run: THIS_RUN, path: this.relative(settled), isWhole: true });
  }

  async forget(ticket: PartTicket): Promise<void> {
    await this.journal.remove(ticket.id);
  }

  /** Removes what is left of a file without media. */
  async discard(entry: JournalEntry): Promise<void> {
    await rm(this.absolute(entry.path), { force: true });
    await this.journal.remove(entry.id);
  }

  /** Holds a name by an empty file, which the complete one then replaces: no other recording can take it meanwhile. */
  async #reserve(name: string, container: string): Promise<string> {
    const base = name.slice(0, -container.length - 1);
    const { file, path } = await this.#firstFree((suffix) => `${base}${suffix}.${container}`);
    await file.close();
    return path;
  }

  async #firstFree(nameWith: (suffix: string) => string): Promise<{ readonly file: DiskFile; readonly path: string }> {
    for (let copy = 1; copy <= MAX_SAME_NAME; copy += 1) {
      const name = nameWith(copy === 1 ? '' : `-${copy}`);
      await mkdir(dirname(this.absolute(name)), { recursive: true, mode: 0o750 });
      // Looked at again: what mkdir went through may have been a link.
      const path = this.absolute(name);
      try {
        return { file: await this.#open(path, 'wx'), path };
      } catch (error) {
        if (!isExisting(error)) throw error;
      }
    }
    throw new WcsError('OPERATION_E_CONFLICT', `There are ${MAX_SAME_NAME} files of the name ${nameWith('')}.`);
  }
}

/** A ticket for a new file. */
export function newTicket(rest: Omit<PartTicket, 'id'>): PartTicket {
  return { id: randomUUID(), ...rest };
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}

/** A name is on the disk when its folder is; where the system cannot do that, it does it by itself. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
