import test from 'ava';
import fc from 'fast-check';
import { fitInto } from '../../../plugins/mixer/child/fit.ts';
import type { Cell, LayoutInput } from '../../../plugins/mixer/layout/cells.ts';
import { layoutCells, type DesktopAlign, type LayoutFrame, type LayoutSpec } from '../../../plugins/mixer/layout/layout.ts';

const FRAME: LayoutFrame = { width: 1280, height: 720, desktopName: 'desktop', desktopAlign: 'TOP' };
const ALIGNS: readonly DesktopAlign[] = ['TOP', 'LEFT', 'RIGHT', 'BOTTOM', 'CENTER'];
const inputs = (...names: string[]): LayoutInput[] => names.map((name) => ({ id: name, name }));
const places = (cells: readonly Cell[]): Record<string, number[]> => Object.fromEntries(cells.map(({ id, x, y, width, height }) => [id, [x, y, width, height]]));

test('a grid without padding parts the picture, and a last row that is not full stands in the middle', (t) => {
  t.deepEqual(places(layoutCells({ type: 'gridNoPadding' }, inputs('a'), FRAME)), { a: [0, 0, 1280, 720] });
  t.deepEqual(places(layoutCells({ type: 'gridNoPadding' }, inputs('a', 'b', 'c'), FRAME)), { a: [0, 0, 640, 360], b: [640, 0, 640, 360], c: [320, 360, 640, 360] });
});

test('one input fills a padded grid, and several keep their distance', (t) => {
  t.deepEqual(places(layoutCells({ type: 'grid' }, inputs('a'), FRAME)), { a: [0, 0, 1280, 720] });
  const [a, b] = layoutCells({ type: 'grid' }, inputs('a', 'b'), FRAME);
  t.true(a !== undefined && b !== undefined && a.x >= 8 && b.x - (a.x + a.width) >= 7 && b.x + b.width <= 1272);
});

test('a shared screen gets the large place on the side that is set, the others the strip', (t) => {
  const large = (desktopAlign: DesktopAlign) => places(layoutCells({ type: 'grid' }, inputs('a', 'my-desktop', 'b'), { ...FRAME, desktopAlign }))['my-desktop'];
  t.deepEqual(Object.fromEntries(ALIGNS.map((align) => [align, large(align)])), {
    TOP: [0, 0, 1280, 576], BOTTOM: [0, 144, 1280, 576], LEFT: [0, 0, 1024, 720], RIGHT: [256, 0, 1024, 720], CENTER: [0, 144, 1280, 432],
  });
  t.deepEqual(places(layoutCells({ type: 'grid' }, inputs('my-desktop'), FRAME)), { 'my-desktop': [0, 0, 1280, 720] });
});

test('a layout of one\'s own is chosen by the number of inputs, and binds inputs to places', (t) => {
  const spec: LayoutSpec = { type: 'custom', places: { 2: [{ x: 0, y: 0, width: 0.5, height: 1 }, { x: 0.5, y: 0, width: 0.5, height: 1, position: 'right' }] } };
  const [a, b] = [{ id: 'a', name: 'a', positionId: 'right' }, { id: 'b', name: 'b' }];
  t.deepEqual(places(layoutCells(spec, [a, b], FRAME)), { b: [0, 0, 640, 720], a: [640, 0, 640, 720] });
  t.deepEqual(places(layoutCells(spec, [b], FRAME)), { b: [0, 0, 640, 720] });
  t.is(layoutCells(spec, inputs('a', 'b', 'c'), FRAME).length, 3);
});

test('a small picture lies over the large one', (t) => {
  const cells = layoutCells({ type: 'pictureInPicture' }, inputs('large', 'small'), FRAME);
  t.deepEqual(cells.map(({ id }) => id), ['large', 'small']);
  t.true((cells[1]?.x ?? 0) > 640 && (cells[1]?.y ?? 0) > 360);
});

test('every cell of every layout is even and inside of the picture, and every input has at most one', (t) => {
  const specs: LayoutSpec[] = [{ type: 'grid' }, { type: 'gridNoPadding' }, { type: 'crop' }, { type: 'pictureInPicture' }];
  const sides = fc.integer({ min: 8, max: 1000 }).map((half) => half * 2);
  fc.assert(
    fc.property(fc.constantFrom(...specs), fc.constantFrom(...ALIGNS), sides, sides, fc.integer({ min: 0, max: 30 }), fc.boolean(), (spec, desktopAlign, width, height, count, shares) => {
      const all = inputs(...Array.from({ length: count }, (_, index) => (shares && index === 1 ? 'desktop' : `user${index}`)));
      const cells = layoutCells(spec, all, { ...FRAME, width, height, desktopAlign });
      const isInside = cells.every((cell) => cell.x >= 0 && cell.y >= 0 && cell.x + cell.width <= width && cell.y + cell.height <= height);
      const isEven = cells.every(({ x, y, width: w, height: h }) => [x, y, w, h].every((value) => value % 2 === 0) && w >= 2 && h >= 2);
      // A strip of a tiny picture may have no room for thirty; the cells are there all the same.
      return (isInside || width < count * 8 || height < count * 8) && isEven && new Set(cells.map(({ id }) => id)).size === cells.length;
    }),
  );
  t.pass();
});

test('a picture comes into its cell in its own shape: whole, or filling it', (t) => {
  const cell: Cell = { id: 'a', x: 100, y: 50, width: 400, height: 400, fit: 'contain' };
  t.deepEqual(fitInto(cell, { width: 1280, height: 720 }), { width: 400, height: 224, from: { x: 0, y: 0 }, to: { x: 100, y: 138, width: 400, height: 224 } });
  t.deepEqual(fitInto({ ...cell, fit: 'cover' }, { width: 1280, height: 720 }), { width: 710, height: 400, from: { x: 154, y: 0 }, to: { x: 100, y: 50, width: 400, height: 400 } });
  fc.assert(
    fc.property(fc.constantFrom('contain', 'cover'), fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 4, maxLength: 4 }), (fit, [w = 1, h = 1, pw = 1, ph = 1]) => {
      const place: Cell = { id: 'a', x: 0, y: 0, width: w * 2, height: h * 2, fit };
      const { width, height, from, to } = fitInto(place, { width: pw, height: ph });
      return to.x + to.width <= place.width && to.y + to.height <= place.height && from.x + to.width <= width && from.y + to.height <= height && [width, height, from.x, from.y, to.x, to.y, to.width, to.height].every((value) => value % 2 === 0);
    }),
  );
});
