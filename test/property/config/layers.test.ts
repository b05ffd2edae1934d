import test from 'ava';
import fc from 'fast-check';
import { leaves, mergeTrees, sourceOf, valueAt, type Layers, type Tree } from '../../../core/config/layers.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd');
const value = fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 }), fc.constant(null));
const { tree } = fc.letrec<{ tree: Tree; node: unknown }>((tie) => ({
  tree: fc.dictionary(key, tie('node'), { maxKeys: 3 }),
  node: fc.oneof({ depthSize: 'small' }, value, tie('tree')),
}));
const layers: fc.Arbitrary<Layers> = fc.record({ file: tree, environment: tree, runtime: tree });
const ASCENDING = ['file', 'environment', 'runtime'] as const;

test('every merged value is that of the layer that source() names, and no higher layer has a value there', (t) => {
  let seen = 0;
  fc.assert(fc.property(layers, (given) => {
    const merged = mergeTrees(ASCENDING.map((source) => given[source]));
    for (const { path, value: found } of leaves(merged)) {
      seen++;
      const source = sourceOf(given, path);
      if (source === 'default') return false;
      if (valueAt(given[source], path) !== found) return false;
      const higher = ASCENDING.slice(ASCENDING.indexOf(source) + 1);
      if (higher.some((other) => valueAt(given[other], path) !== undefined)) return false;
    }
    return true;
  }), { numRuns: 2000 });
  t.true(seen > 1000);
});

test('a value of the highest layer always survives, and merging again changes nothing', (t) => {
  fc.assert(fc.property(layers, (given) => {
    const merged = mergeTrees(ASCENDING.map((source) => given[source]));
    for (const { path, value: wanted } of leaves(given.runtime)) if (valueAt(merged, path) !== wanted) return false;
    t.deepEqual(mergeTrees([merged, merged]), merged);
    return true;
  }), { numRuns: 500 });
});

test('keys that would reach a prototype are left out', (t) => {
  const hostile = JSON.parse('{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{"polluted":1}}}}') as Tree;
  const merged = mergeTrees([hostile, hostile]);
  t.deepEqual(merged, { a: {} });
  t.is(({} as Record<string, unknown>)['polluted'], undefined);
});
