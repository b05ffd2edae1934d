import { cellOf, gridCells, stripCells, type Area, type Cell, type LayoutInput } from './cells.ts';

/** On which side of a shared screen the other inputs are. */
export type DesktopAlign = 'TOP' | 'LEFT' | 'RIGHT' | 'BOTTOM' | 'CENTER';

/** One place of a layout of one's own, in fractions of the picture. */
export interface CustomPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Inputs with this `videoPositionId` go here; others take what is left in their order. */
  readonly position?: string | undefined;
  readonly fit?: Cell['fit'] | undefined;
}

/** Places by the number of inputs. */
export type CustomLayout = Readonly<Record<string, readonly CustomPlace[]>>;

/** How the inputs are arranged; plain data, swapped while the mixer runs. */
export type LayoutSpec =
  | { readonly type: 'grid' | 'gridNoPadding' | 'crop' | 'pictureInPicture' }
  | { readonly type: 'custom'; readonly places: CustomLayout };

/** What a layout needs to know besides the inputs. */
export interface LayoutFrame {
  readonly width: number;
  readonly height: number;
  /** Streams whose name contains this are shared screens. */
  readonly desktopName: string;
  readonly desktopAlign: DesktopAlign;
}

const GRID_PADDING_PX = 8;
/** Share of the picture that the others get beside a shared screen. */
const DESKTOP_STRIP = 0.2;
/** Width and height of a small picture over a large one, and its distance from the edge, in parts of the picture. */
const INSET_SIZE = 0.25;
const INSET_MARGIN = 0.02;

/** Arranges the inputs; pure. A shared screen makes any of the grids a desktop. */
export function layoutCells(spec: LayoutSpec, inputs: readonly LayoutInput[], frame: LayoutFrame): Cell[] {
  const area: Area = { x: 0, y: 0, width: frame.width, height: frame.height };
  if (spec.type === 'custom') return customCells(spec.places, inputs, area);
  const desktop = frame.desktopName === '' ? undefined : inputs.find(({ name }) => name.includes(frame.desktopName));
  if (desktop !== undefined) return desktopCells(desktop, inputs.filter((input) => input !== desktop), area, frame.desktopAlign);
  switch (spec.type) {
    case 'grid':
      return gridCells(inputs, area, { paddingPx: inputs.length > 1 ? GRID_PADDING_PX : 0, fit: 'contain' });
    case 'gridNoPadding':
      return gridCells(inputs, area, { paddingPx: 0, fit: 'contain' });
    case 'crop':
      return gridCells(inputs, area, { paddingPx: 0, fit: 'cover' });
    case 'pictureInPicture':
      return insetCells(inputs, area);
  }
}

function desktopCells(desktop: LayoutInput, others: readonly LayoutInput[], area: Area, align: DesktopAlign): Cell[] {
  if (others.length === 0) return [cellOf(desktop.id, area, 'contain')];
  const { width, height } = area;
  const [across, down] = [width * DESKTOP_STRIP, height * DESKTOP_STRIP];
  switch (align) {
    // The place of the shared screen is named, not that of the others.
    case 'TOP':
      return [cellOf(desktop.id, { ...area, height: height - down }, 'contain'), ...stripCells(others, { ...area, y: height - down, height: down }, 'row')];
    case 'BOTTOM':
      return [cellOf(desktop.id, { ...area, y: down, height: height - down }, 'contain'), ...stripCells(others, { ...area, height: down }, 'row')];
    case 'LEFT':
      return [cellOf(desktop.id, { ...area, width: width - across }, 'contain'), ...stripCells(others, { ...area, x: width - across, width: across }, 'column')];
    case 'RIGHT':
      return [cellOf(desktop.id, { ...area, x: across, width: width - across }, 'contain'), ...stripCells(others, { ...area, width: across }, 'column')];
    case 'CENTER': {
      const above = others.slice(0, Math.ceil(others.length / 2));
      const middle = { ...area, y: down, height: height - 2 * down };
      const below = { ...area, y: height - down, height: down };
      return [cellOf(desktop.id, middle, 'contain'), ...stripCells(above, { ...area, height: down }, 'row'), ...stripCells(others.slice(above.length), below, 'row')];
    }
  }
}

/** The first input fills the picture, the others stand small along its lower edge. */
function insetCells(inputs: readonly LayoutInput[], area: Area): Cell[] {
  const [large, ...small] = inputs;
  if (large === undefined) return [];
  const [beside, below] = [area.width * INSET_MARGIN, area.height * INSET_MARGIN];
  const size = Math.min(INSET_SIZE, (1 - INSET_MARGIN * (small.length + 1)) / Math.max(1, small.length));
  const [width, height] = [area.width * size, area.height * size];
  const insets = small.map(({ id }, index) => cellOf(id, { x: area.width - (index + 1) * (width + beside), y: area.height - height - below, width, height }, 'cover'));
  return [cellOf(large.id, area, 'contain'), ...insets];
}

/** The places for that many inputs, or for the next larger number; a grid where there are none. */
function customCells(places: CustomLayout, inputs: readonly LayoutInput[], area: Area): Cell[] {
  const fitting = Object.keys(places).map(Number).filter((count) => count >= inputs.length).sort((a, b) => a - b)[0];
  const chosen = fitting === undefined ? undefined : places[String(fitting)];
  if (chosen === undefined) return gridCells(inputs, area, { paddingPx: 0, fit: 'contain' });
  const bound = new Map(chosen.flatMap((place) => {
    const input = place.position === undefined ? undefined : inputs.find(({ positionId }) => positionId === place.position);
    return input === undefined ? [] : [[place, input] as const];
  }));
  const taken = new Set(bound.values());
  const waiting = inputs.filter((input) => !taken.has(input));
  return chosen.flatMap((place) => {
    const input = bound.get(place) ?? waiting.shift();
    if (input === undefined) return [];
    const { x, y, width, height, fit = 'contain' } = place;
    return [cellOf(input.id, { x: x * area.width, y: y * area.height, width: width * area.width, height: height * area.height }, fit)];
  });
}
