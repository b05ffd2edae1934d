import { parseStreamName, WcsError } from 'wcs-core';
import type { PictureFormat, PictureWish } from './picture.ts';

/** Below it lie the pictures of all streams. */
export const PICTURE_PREFIX = '/snapshot/';

/** Widths that may be asked for, in pixels. */
export const MIN_WIDTH = 16;
export const MAX_WIDTH = 8192;

const FORMATS: Readonly<Partial<Record<string, PictureFormat>>> = { png: 'png', jpg: 'jpeg', jpeg: 'jpeg' };
const PATH = /^(?<name>.+)\.(?<ending>png|jpe?g)$/i;

/**
 * The stream and the picture that a path asks for: `/snapshot/NAME.png`, `/snapshot/NAME.jpg?width=320`.
 *
 * @throws WcsError MEDIA_E_NOT_FOUND for a path without such an ending, MEDIA_E_NAME_INVALID, OPERATION_E_INPUT for a width
 */
export function parsePicturePath(path: string, query: URLSearchParams): { readonly streamName: string; readonly wish: PictureWish } {
  const { name, ending = '' } = PATH.exec(decoded(path.slice(PICTURE_PREFIX.length)))?.groups ?? {};
  const format = FORMATS[ending.toLowerCase()];
  if (name === undefined || format === undefined) throw new WcsError('MEDIA_E_NOT_FOUND', `Pictures are at ${PICTURE_PREFIX}STREAM.jpg and ${PICTURE_PREFIX}STREAM.png.`);
  const width = query.get('width');
  return { streamName: parseStreamName(name), wish: { format, ...(width === null ? {} : { width: widthOf(width) }) } };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new WcsError('MEDIA_E_NAME_INVALID', 'The path is not percent-encoded UTF-8.', { cause: error });
  }
}

function widthOf(text: string): number {
  const width = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (width >= MIN_WIDTH && width <= MAX_WIDTH) return width;
  throw new WcsError('OPERATION_E_INPUT', `width takes a number of pixels from ${MIN_WIDTH} to ${MAX_WIDTH}.`);
}
