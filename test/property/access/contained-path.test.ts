import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { containedPath } from '../../../core/access/contained-path.ts';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const base = realpathSync(temporaryFolder());
const root = join(base, 'root');
mkdirSync(join(root, 'a', 'b'), { recursive: true });
mkdirSync(join(base, 'root-sibling'));
writeFileSync(join(base, 'secret'), 'x');
writeFileSync(join(root, 'a', 'file'), 'x');
symlinkSync('..', join(root, 'up'));
symlinkSync(base, join(root, 'a', 'out'));
symlinkSync(join(base, 'not-there'), join(root, 'dangling'));
symlinkSync('b', join(root, 'a', 'inside'));
symlinkSync('loop', join(root, 'loop'));

const segment = fc.constantFrom('a', 'b', '..', '.', '', 'up', 'out', 'dangling', 'inside', 'loop', 'new', 'file', 'root', 'root-sibling', '...', 'secret', '\0', '\\', '..\\..');
const path = fc.array(segment, { maxLength: 7 }).map((segments) => segments.join('/'));

/** The real place of the deepest part that exists. */
function realPlace(name: string): string {
  for (let part = name; ; part = join(part, '..')) {
    try {
      return realpathSync(part);
    } catch {
      if (part === sep) return sep;
    }
  }
}

test('no path leaves the root, through segments or links', (t) => {
  let taken = 0;
  fc.assert(fc.property(path, (relative) => {
    let found: string;
    try {
      found = containedPath(root, relative);
    } catch (error) {
      return error instanceof WcsError && error.code === 'ACCESS_E_REFUSED';
    }
    taken++;
    const place = realPlace(found);
    return (found === root || found.startsWith(root + sep)) && (place === root || place.startsWith(root + sep));
  }), { numRuns: 3000 });
  t.true(taken > 100);
});

test('files and new files inside are found, links out and absolute paths are refused', (t) => {
  t.is(containedPath(root, 'a/file'), join(root, 'a', 'file'));
  t.is(containedPath(root, 'new/x.mp4'), join(root, 'new', 'x.mp4'));
  t.is(containedPath(root, 'a/inside/x'), join(root, 'a', 'inside', 'x'));
  t.is(containedPath(join(base, 'later'), 'x'), join(base, 'later', 'x'));
  for (const relative of ['../secret', '../root-sibling/x', '/etc/passwd', 'up/secret', 'a/out/secret', 'a/out', 'dangling', 'loop/x', 'a\\..', 'x\0', 'a'.repeat(5000)]) {
    t.throws(() => containedPath(root, relative), { instanceOf: WcsError }, relative);
  }
});
