import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, WcsError } from '../errors/wcs-error.ts';
import { isTree, type Tree } from './layers.ts';

const OVERRIDES_FILE = 'overrides.json';

/** Makes the state folder, for the server's user alone. */
export async function openStateDir(stateDir: string): Promise<void> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  await chmod(stateDir, 0o700);
}

/**
 * The text of wcs.yml; empty when there is no such file and none is required.
 *
 * @throws WcsError CONFIG_E_UNREADABLE
 */
export function readConfigText(file: string | undefined, required: boolean): string {
  if (file === undefined) return '';
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (!required && isMissing(error)) return '';
    throw new WcsError('CONFIG_E_UNREADABLE', `The configuration ${file} can't be read: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Run-time settings by dotted path; empty when none were ever made.
 *
 * @throws WcsError CONFIG_E_UNREADABLE when the file is damaged
 */
export async function readOverrides(stateDir: string): Promise<Tree> {
  return (await readStateJson(stateDir, OVERRIDES_FILE, isTree)) ?? {};
}

/** Keeps run-time settings for the next start. */
export async function writeOverrides(stateDir: string, overrides: Tree): Promise<void> {
  await writeStateFile(stateDir, OVERRIDES_FILE, `${JSON.stringify(overrides, undefined, 2)}\n`);
}

/**
 * A JSON file of the state folder that passes `check`; undefined when there is none.
 *
 * @throws WcsError CONFIG_E_UNREADABLE saying which file to mend or remove
 */
export async function readStateJson<T>(stateDir: string, name: string, check: (value: unknown) => value is T): Promise<T | undefined> {
  const file = join(stateDir, name);
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (check(value)) return value;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new WcsError('CONFIG_E_UNREADABLE', `${file} can't be read; mend or remove it: ${messageOf(error)}`, { cause: error });
  }
  throw new WcsError('CONFIG_E_UNREADABLE', `${file} has an unknown form; mend or remove it.`);
}

/** Replaces a file of the state folder in one step, readable by the server's user alone. */
export async function writeStateFile(stateDir: string, name: string, text: string): Promise<void> {
  const file = join(stateDir, name);
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
