import { even, type Area, type Cell } from '../layout/cells.ts';

/** How a picture comes into its cell. */
export interface Fitting {
  /** Size that the picture is scaled to. */
  readonly width: number;
  readonly height: number;
  /** Upper left corner of what is shown of it. */
  readonly from: { readonly x: number; readonly y: number };
  /** Where it stands on the canvas. */
  readonly to: Area;
}

/** Scales a picture in its own shape into a cell: whole with bars beside it, or cut off where it is over. All numbers are even. */
export function fitInto(cell: Cell, picture: { readonly width: number; readonly height: number }): Fitting {
  const [across, down] = [cell.width / picture.width, cell.height / picture.height];
  const scale = cell.fit === 'cover' ? Math.max(across, down) : Math.min(across, down);
  const width = Math.max(2, cell.fit === 'cover' ? Math.max(cell.width, even(picture.width * scale)) : Math.min(cell.width, even(picture.width * scale)));
  const height = Math.max(2, cell.fit === 'cover' ? Math.max(cell.height, even(picture.height * scale)) : Math.min(cell.height, even(picture.height * scale)));
  const shown = { width: Math.min(width, cell.width), height: Math.min(height, cell.height) };
  return {
    width,
    height,
    from: { x: even((width - shown.width) / 2), y: even((height - shown.height) / 2) },
    to: { x: cell.x + even((cell.width - shown.width) / 2), y: cell.y + even((cell.height - shown.height) / 2), ...shown },
  };
}
