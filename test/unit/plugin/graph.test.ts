import test from 'ava';
import fc from 'fast-check';
import { WcsError } from '../../../core/errors/wcs-error.ts';
import { dependantsOf, providerOf, startLayers } from '../../../core/plugin/graph.ts';

const names = (layers: readonly (readonly { readonly name: string }[])[]): string[][] => layers.map((layer) => layer.map(({ name }) => name).sort());

test('a plugin starts after what it requires by capability and after what it names in `after`, if that is there', (t) => {
  const layers = startLayers([
    { name: 'rest', requires: ['http'], after: ['not-there'] },
    { name: 'web', provides: ['http'] },
    { name: 'hooks', after: ['rest'] },
    { name: 'alone', requires: ['alone'] },
  ]);
  t.deepEqual(names(layers), [['alone', 'web'], ['rest'], ['hooks']]);
});

test('plugins that wait for each other are refused with the path, and the path names only them', (t) => {
  const error = t.throws(() => startLayers([{ name: 'x', requires: ['a'] }, { name: 'a', requires: ['b'] }, { name: 'b', after: ['c'] }, { name: 'c', requires: ['a'] }]), { instanceOf: WcsError });
  t.is(error.code, 'PLUGIN_E_CYCLE');
  t.is(error.message, 'Plugins wait for each other: a -> b -> c -> a. Take one requirement away.');
  t.deepEqual(error.details.plugins, ['a', 'b', 'c']);
});

test('dependants are those that nobody else could serve, with those which need them in turn first', (t) => {
  const plugins = [
    { name: 'a', provides: ['media'] },
    { name: 'b', requires: ['media'], provides: ['pages'] },
    { name: 'c', requires: ['pages'] },
    { name: 'd', requires: ['nothing-provides-this'] },
  ];
  t.deepEqual(dependantsOf('a', plugins), ['c', 'b']);
  t.deepEqual(dependantsOf('c', plugins), []);
  t.deepEqual(dependantsOf('a', [...plugins, { name: 'spare', provides: ['media'] }]), []);
});

interface Node {
  readonly name: string;
  readonly requires: readonly string[];
  readonly after: readonly string[];
}

/** Few edges, so that about half of the graphs have no circle. */
const graph: fc.Arbitrary<Node[]> = fc.array(fc.tuple(fc.array(fc.nat({ max: 11 }), { maxLength: 2 }), fc.array(fc.nat({ max: 11 }), { maxLength: 1 })), { maxLength: 12 }).map((edges) =>
  edges.map(([requires, after], index) => ({
    name: `p${index}`,
    requires: requires.filter((other) => other < edges.length).map((other) => `p${other}`),
    after: after.map((other) => `p${other}`),
  })),
);

test('of any graph either every plugin is placed once and after what it waits for, or a real circle is named', (t) => {
  fc.assert(
    fc.property(graph, (plugins) => {
      try {
        const layers = startLayers(plugins);
        const depth = new Map(layers.flatMap((layer, index) => layer.map(({ name }) => [name, index] as const)));
        if (depth.size !== plugins.length) return false;
        return plugins.every(({ name, requires, after }) => [...requires, ...after].every((other) => other === name || (depth.get(other) ?? -1) < depth.get(name)!));
      } catch (error) {
        const circle = (error as WcsError).details.plugins as string[];
        return circle.every((name, index) => {
          const next = circle[(index + 1) % circle.length]!;
          const node = providerOf(name, plugins)!;
          return [...node.requires, ...node.after].includes(next);
        });
      }
    }),
    { numRuns: 300 },
  );
  t.pass();
});

test('without a plugin and its dependants nobody is stranded, in any graph', (t) => {
  fc.assert(
    fc.property(graph, fc.nat(), (plugins, pick) => {
      const chosen = plugins[pick % Math.max(1, plugins.length)]?.name ?? 'none';
      const gone = [chosen, ...dependantsOf(chosen, plugins)];
      const rest = plugins.filter(({ name }) => !gone.includes(name));
      return new Set(gone).size === gone.length && rest.every(({ requires }) => requires.every((name) => rest.some((other) => other.name === name)));
    }),
    { numRuns: 300 },
  );
  t.pass();
});
