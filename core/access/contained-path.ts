import { lstatSync, realpathSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative as relativePath, resolve, sep } from 'node:path';
import { WcsError } from '../errors/wcs-error.ts';

/** Longest relative path looked at. */
const MAX_PATH_CHARS = 4096;

/**
 * Resolves `relative` below `root` and gives the absolute path, which need not exist.
 * Symbolic links are followed as far as the path exists, and must stay inside as well.
 *
 * @throws WcsError ACCESS_E_REFUSED when the path leaves the root by `..`, by being absolute or through a link
 */
export function containedPath(root: string, relative: string): string {
  const hostile = relative.length > MAX_PATH_CHARS || relative.includes('\0') || relative.includes('\\') || isAbsolute(relative);
  if (hostile) throw refused(relative);
  const absoluteRoot = resolve(root);
  const path = resolve(absoluteRoot, relative);
  if (!isInside(absoluteRoot, path)) throw refused(relative);
  const real = realPath(path);
  const realRoot = realPath(absoluteRoot);
  if (real === undefined || realRoot === undefined || !isInside(realRoot, real)) throw refused(relative);
  return path;
}

function isInside(root: string, path: string): boolean {
  const way = relativePath(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** The path with links resolved in the part that exists; undefined for a link that leads nowhere, which a write would follow. */
function realPath(path: string): string | undefined {
  if (entryExists(path)) {
    try {
      return realpathSync(path);
    } catch {
      return undefined;
    }
  }
  const parent = dirname(path);
  if (parent === path) return path;
  const realParent = realPath(parent);
  return realParent === undefined ? undefined : join(realParent, basename(path));
}

function entryExists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

function refused(path: string): WcsError {
  return new WcsError('ACCESS_E_REFUSED', `The path ${JSON.stringify(path.slice(0, 200))} leads out of its folder.`);
}
