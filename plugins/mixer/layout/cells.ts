/** An input as a layout sees it. */
export interface LayoutInput {
  readonly id: string;
  /** Name of the stream: one that contains the name for shared screens is shown as a desktop. */
  readonly name: string;
  /** The place that it was given in a layout of one's own. */
  readonly positionId?: string | undefined;
}

/** Where an input is painted, in pixels, all even; later cells lie on top of earlier ones. */
export interface Cell {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** `contain` shows the whole picture, `cover` fills the cell and cuts off what is over. */
  readonly fit: 'contain' | 'cover';
}

/** A rectangle in pixels. */
export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Largest even number that isn't above: chroma has half the resolution of luma. */
export function even(pixels: number): number {
  return 2 * Math.floor(pixels / 2);
}

/** A cell of an area with even bounds, at least two pixels wide and high. */
export function cellOf(id: string, area: Area, fit: Cell['fit']): Cell {
  const [x, y] = [even(area.x), even(area.y)];
  return { id, x, y, width: Math.max(2, even(area.x + area.width) - x), height: Math.max(2, even(area.y + area.height) - y), fit };
}

/** Inputs side by side in rows of equal cells; a last row that isn't full stands in the middle. */
export function gridCells(inputs: readonly LayoutInput[], area: Area, { paddingPx, fit }: { readonly paddingPx: number; readonly fit: Cell['fit'] }): Cell[] {
  if (inputs.length === 0) return [];
  const columns = Math.ceil(Math.sqrt(inputs.length));
  const rows = Math.ceil(inputs.length / columns);
  const [width, height] = [(area.width - paddingPx * (columns + 1)) / columns, (area.height - paddingPx * (rows + 1)) / rows];
  return inputs.map(({ id }, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? inputs.length - row * columns : columns;
    const shift = ((columns - inRow) * (width + paddingPx)) / 2;
    const x = area.x + paddingPx + shift + (index % columns) * (width + paddingPx);
    return cellOf(id, { x, y: area.y + paddingPx + row * (height + paddingPx), width, height }, fit);
  });
}

/** Inputs in one row or column of equal cells along an area. */
export function stripCells(inputs: readonly LayoutInput[], area: Area, direction: 'row' | 'column'): Cell[] {
  const count = inputs.length;
  return inputs.map(({ id }, index) => {
    const cell = direction === 'row'
      ? { x: area.x + (index * area.width) / count, y: area.y, width: area.width / count, height: area.height }
      : { x: area.x, y: area.y + (index * area.height) / count, width: area.width, height: area.height / count };
    return cellOf(id, cell, 'contain');
  });
}
